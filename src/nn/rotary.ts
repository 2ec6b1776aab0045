/** The angles of rotary positions. @module */

import type { ColumnWindow } from "../autograd/ops/product.ts";
import { rotary, rotaryPart } from "../autograd/ops/rotary.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";

/** The positions of a pass: a row of angles for each that occurs, and the row of each token, or of each of its heads. */
export class RotaryPositions {
  readonly #table: Tensor;
  readonly #rows: Tensor;

  /**
   * Computes cos and sin of position · frequency in float64.
   *
   * @param positions One for each token.
   * @param frequencies Radians per position, for each pair of a head's columns.
   * @param heads Rows of each token: its heads, for `turnPart`. Default 1, for `turn`.
   */
  constructor(
    tape: Tape,
    positions: ArrayLike<number>,
    frequencies: Float64Array,
    heads: number = 1,
  ) {
    const distinct = [...new Set(Array.from(positions))];
    const rowOf = new Map(distinct.map((position, row) => [position, row]));
    const half = frequencies.length;
    this.#table = tape.allocate([distinct.length, 2 * half], "f32", "activation", "rotary angles");
    const rows = Uint32Array.from(
      { length: heads * positions.length },
      (_, row) => rowOf.get(positions[Math.floor(row / heads)])!,
    );
    this.#rows = tape.allocate([rows.length], "u32", "activation", "rows of rotary angles");
    tape.device.write(
      this.#table,
      Float32Array.from(distinct.flatMap((position) => {
        const angles = Array.from(frequencies, (frequency) => position * frequency);
        return [...angles.map(Math.cos), ...angles.map(Math.sin)];
      })),
    );
    tape.device.write(this.#rows, rows);
  }

  /** Turns the heads of a window by their tokens' positions. */
  turn(tape: Tape, window: ColumnWindow, heads: number): ColumnWindow {
    const tensor = rotary(tape, window, this.#table, this.#rows, heads);
    return { tensor, width: window.width };
  }

  /** One of the three parts of every head of a fused projection, with its first columns turned. */
  turnPart(tape: Tape, x: Tensor, heads: number, part: number): Tensor {
    return rotaryPart(tape, x, this.#table, this.#rows, { heads, parts: 3, part });
  }

  /** The tensors that the blocks of a pass read. */
  get tensors(): readonly Tensor[] {
    return [this.#table, this.#rows];
  }

  /** Frees the angles once no backward function needs them. */
  release(tape: Tape): void {
    tape.release(...this.tensors);
  }
}
