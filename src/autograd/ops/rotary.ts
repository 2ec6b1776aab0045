/** Rotary position embedding of queries and keys, of all of a head's columns or of the first. @module */

import { rotaryKernel } from "../../../kernels/rotary/kernel.ts";
import { ShapeError } from "../../core/errors.ts";
import { assertShape, formatShape } from "../../core/tensor.ts";
import { zero } from "../../device/base.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";
import type { HeadPartOptions } from "./attention.ts";
import { assertWindow, type ColumnWindow, contributeColumns, copyColumns } from "./product.ts";

/**
 * Rotates each head of a window, (tokens, heads · d), by the angles θ of its token's position: with the
 * halves x1 and x2 of a head, [x1 cos θ - x2 sin θ | x2 cos θ + x1 sin θ] (Su et al. 2021, equation 34,
 * with Hugging Face's pairs). The gradient is rotated back.
 *
 * Row p of `table`, (positions, d), is [cos θ | sin θ] of position p, d / 2 each; `positions`, u32 (tokens),
 * must be below its number of rows.
 *
 * @throws {ShapeError} when the heads do not divide the window into even widths, or the table or the
 * positions do not fit them.
 */
export function rotary(
  tape: Tape,
  window: ColumnWindow,
  table: Tensor,
  positions: Tensor,
  heads: number,
): Tensor {
  const { tensor: { shape: [rows] }, width } = window, half = width / heads / 2;
  assertWindow("what is rotated", window, rows);
  if (!Number.isInteger(half)) {
    throw new ShapeError(
      `rotating ${heads} heads needs an even width of each, found ${width} in all`,
    );
  }
  assertShape("the rotary table", table.shape, [table.shape[0], 2 * half]);
  assertShape("the positions", positions.shape, [rows]);
  const rotate = (from: ColumnWindow, to: ColumnWindow, direction: 1 | -1, accumulate: 0 | 1) =>
    launchRotary({ from, to, table, positions }, { heads, half, direction, accumulate });
  const out = tape.activation([rows, width], "rotated");
  rotate(window, { tensor: out, width }, 1, 0);
  return tape.record(out, [window.tensor], (dOut) => {
    const into = contributeColumns(tape, window);
    if (into) rotate({ tensor: dOut, width }, into.window, -1, into.accumulate);
  }, [table, positions]);
}

/** The tensors of a launch. */
interface RotaryTensors {
  readonly from: ColumnWindow;
  readonly to: ColumnWindow;
  readonly table: Tensor;
  readonly positions: Tensor;
}

function launchRotary(
  { from, to, table, positions }: RotaryTensors,
  scalars: Readonly<Record<"heads" | "half" | "direction" | "accumulate", number>>,
): void {
  const [rows, xStride] = from.tensor.shape, [, yStride] = to.tensor.shape;
  table.device.launch(rotaryKernel, { x: from.tensor, table, positions, y: to.tensor }, {
    ...{ rows, ...scalars },
    ...{ xOffset: from.offset ?? 0, xStride, yOffset: to.offset ?? 0, yStride },
  });
}

/**
 * The columns of one part of every head, (tokens, heads · d), as `headPart` returns them, but with the first of
 * each head rotated by the angles of its position: as many as `table` has columns. The others are as they were
 * (Black et al. 2022, section 2.1.1).
 *
 * `positions`, u32 (tokens · heads), has a row of the table for each head of each token.
 *
 * @throws {ShapeError} when x has no such columns, or the table or the positions do not fit them.
 */
export function rotaryPart(
  tape: Tape,
  x: Tensor,
  table: Tensor,
  positions: Tensor,
  { heads, parts, part }: Omit<HeadPartOptions, "bias">,
): Tensor {
  const [tokens, columns] = x.shape, width = columns / heads / parts, rows = tokens * heads;
  const turned = table.shape[1], kept = width - turned;
  if (x.shape.length !== 2 || !Number.isInteger(width) || turned % 2 !== 0 || kept < 0) {
    throw new ShapeError(
      `rotating ${turned} columns of a head needs an even number in columns of ${heads} heads of ${parts}, ` +
        `found ${formatShape(x.shape)}`,
    );
  }
  assertShape("the positions of heads", positions.shape, [rows]);
  const windowOf = (of: Tensor, offset: number, width: number): ColumnWindow => ({
    tensor: of.view([rows, of.size / rows]),
    ...{ offset, width },
  });
  type Place = readonly [tensor: Tensor, firstColumn: number];
  const move = ([x, from]: Place, [y, to]: Place, direction: 1 | -1, accumulate: 0 | 1) => {
    const windows = { from: windowOf(x, from, turned), to: windowOf(y, to, turned) };
    const scalars = { heads: 1, half: turned / 2, direction, accumulate };
    launchRotary({ ...windows, table, positions }, scalars);
    if (kept === 0) return;
    const [rest, place] = [windowOf(x, from + turned, kept), windowOf(y, to + turned, kept)];
    copyColumns(rest, place, { accumulate });
  };
  const y = tape.activation([tokens, heads * width], "rotated part of heads");
  move([x, part * width], [y, 0], 1, 0);
  return tape.record(y, [x], (dy) => {
    const into = tape.contribute(x);
    if (!into) return;
    if (!into.accumulate) zero(into.tensor);
    move([dy, 0], [into.tensor, part * width], -1, 1);
  }, [table, positions]);
}
