/** The rows of a batch by their adapters. @module */

import { pieceNumbers } from "../../../kernels/segment_product/kernel.ts";
import type { Segments } from "../../autograd/ops/segments.ts";
import { ShapeError } from "../../core/errors.ts";
import { howMany } from "../../core/how_many.ts";
import { quote } from "../../core/quote.ts";
import type { Device } from "../../device/device.ts";

/** Neighboring rows of a batch that have the same adapter. */
interface Piece {
  readonly row: number;
  readonly group: number;
  readonly count: number;
}

/** What each row of a batch has, on the device. */
export class BatchRows implements Disposable {
  /** The adapter of each row, if it has one. */
  readonly names: readonly (string | undefined)[];
  readonly #device: Device;
  readonly #groups: readonly number[];
  /** The rows sorted by adapter. */
  readonly #segments: Segments;
  #starts: readonly number[] = [];
  #picked: readonly number[] | undefined;
  /** The tokens of all rows sorted by adapter, once a layer has read them in this pass. */
  #allTokens: Segments | undefined;
  /** The same of the picked tokens. */
  #pickedTokens: Segments | undefined;

  /** Sorts rows by their groups, -1 for none. */
  constructor(device: Device, names: readonly (string | undefined)[], groups: readonly number[]) {
    this.names = names;
    this.#device = device;
    this.#groups = groups;
    this.#segments = segmentsOf(device, groups);
  }

  /** Whether its rows have these adapters. */
  areOf(rows: readonly (string | undefined)[]): boolean {
    return rows.length === this.names.length && rows.every((name, i) => name === this.names[i]);
  }

  /**
   * Throws a `ShapeError` for a pass of another number of rows.
   *
   * @param starts The first token of each row, and the end of the last.
   */
  begin(starts: readonly number[]): void {
    const { length } = this.names, batch = starts.length - 1;
    if (length !== batch) {
      throw new ShapeError(
        `a pass needs the adapters of its ${howMany(batch, "row")}, found those of ${length}: ` +
          "call use(rows) before",
      );
    }
    this.#starts = starts;
    this.#picked = undefined;
    this.#freeTokens();
  }

  /** Says that the layers that follow read these tokens alone. */
  pick(tokens: readonly number[]): void {
    this.#picked = tokens;
  }

  /**
   * How the inputs of a layer are sorted.
   *
   * @throws {ShapeError} unless they are those of all tokens or of the picked ones.
   */
  segmentsFor(layer: string, inputs: number): Segments {
    const starts = this.#starts, tokens = starts.at(-1)!, { length } = this.names;
    const areAlike = starts.every((start, row) => start * length === row * tokens);
    if (inputs === this.#picked?.length) return this.#pickedTokens ??= this.#sorted(this.#picked);
    if (inputs === tokens) {
      return areAlike ? this.#segments : this.#allTokens ??= this.#sorted();
    }
    throw new ShapeError(
      `${layer} needs the inputs of all ${tokens} tokens, or of those that are read, found ${inputs}`,
    );
  }

  /** Frees what is on the device. */
  [Symbol.dispose](): void {
    this.#freeTokens();
    this.#segments.pieces[Symbol.dispose]();
  }

  /** Some tokens, or all, sorted by adapter. */
  #sorted(tokens?: readonly number[]): Segments {
    const starts = this.#starts;
    const groups = this.#groups.flatMap((group, row) =>
      new Array<number>(starts[row + 1] - starts[row]).fill(group)
    );
    return segmentsOf(this.#device, tokens?.map((token) => groups[token]) ?? groups);
  }

  #freeTokens(): void {
    for (const segments of [this.#allTokens, this.#pickedTokens]) {
      segments?.pieces[Symbol.dispose]();
    }
    this.#allTokens = this.#pickedTokens = undefined;
  }
}

/**
 * Throws unless it is a list of at least one row.
 *
 * @throws {TypeError} when it is no list.
 * @throws {RangeError} when it is empty.
 */
export function assertRowList(rows: readonly unknown[]): void {
  if (!Array.isArray(rows)) {
    throw new TypeError(`a batch needs a list of its rows' adapters, found ${quote(rows)}`);
  }
  if (rows.length === 0) throw new RangeError("a batch needs at least 1 row, found none");
}

function segmentsOf(device: Device, groups: readonly number[]): Segments {
  const pieces = piecesOf(groups).sort((a, b) => a.group - b.group || a.row - b.row);
  let rows = 0;
  const numbers = pieces.flatMap(({ row, group, count }) => [(rows += count) - count, row, group]);
  const [size, pieceCount] = [pieceNumbers * Math.max(1, pieces.length), pieces.length];
  const tensor = device.allocate([size], "u32", "adapter", "rows by adapter");
  device.write(tensor, Uint32Array.from({ length: size }, (_, i) => numbers[i] ?? 0));
  return { pieces: tensor, pieceCount, rows, batch: groups.length };
}

function piecesOf(groups: readonly number[]): Piece[] {
  const starts = groups.flatMap((group, row) =>
    row === 0 || group !== groups[row - 1] ? [row] : []
  );
  return starts.map((row, i) => ({
    row,
    group: groups[row],
    count: (starts[i + 1] ?? groups.length) - row,
  })).filter(({ group }) => group >= 0);
}
