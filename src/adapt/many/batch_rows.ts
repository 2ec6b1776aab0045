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
  /** The rows sorted by adapter. */
  readonly segments: Segments;
  #tokens = 0;

  /** Sorts rows by their groups, -1 for none. */
  constructor(device: Device, names: readonly (string | undefined)[], groups: readonly number[]) {
    this.names = names;
    this.segments = segmentsOf(device, groups);
  }

  /** Whether its rows have these adapters. */
  areOf(rows: readonly (string | undefined)[]): boolean {
    return rows.length === this.names.length && rows.every((name, i) => name === this.names[i]);
  }

  /** Throws a `ShapeError` for a pass of another number of rows; it is of `time` tokens each. */
  begin(batch: number, time: number): void {
    const { length } = this.names;
    if (length !== batch) {
      throw new ShapeError(
        `a pass needs the adapters of its ${howMany(batch, "row")}, found those of ${length}: ` +
          "call use(rows) before",
      );
    }
    this.#tokens = batch * time;
  }

  /** Throws a `ShapeError` unless a layer's inputs are those of all tokens, or of one for each row. */
  assertInputs(layer: string, tokens: number): void {
    if (tokens === this.#tokens || tokens === this.names.length) return;
    throw new ShapeError(
      `${layer} needs the inputs of all ${this.#tokens} tokens, or of one for each row, found ${tokens}`,
    );
  }

  /** Frees what is on the device. */
  [Symbol.dispose](): void {
    this.segments.pieces[Symbol.dispose]();
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
