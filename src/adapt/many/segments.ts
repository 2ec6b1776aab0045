/** The rows of a batch by their adapters. @module */

import { pieceNumbers } from "../../../kernels/segment_product/kernel.ts";
import type { Segments } from "../../autograd/ops/segments.ts";
import type { Device } from "../../device/device.ts";

/** Neighboring rows of a batch that have the same adapter. */
interface Piece {
  readonly row: number;
  readonly group: number;
  readonly count: number;
}

/**
 * Sorts the rows of a batch by their groups, -1 for none, and uploads the pieces; the caller disposes of
 * the tensor.
 */
export function segmentsOf(device: Device, groups: readonly number[]): Segments {
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
