/** sum, root_sum, sum_squares, sum_columns. */

import { addTotals, BLOCK_ROWS, clearTotals, COLUMNS } from "../simd/columns.as";
import { scratch } from "../simd/scratch.as";
import { sumOf, sumOfSquares } from "../simd/sums.as";
import { bytesOf, VECTOR } from "../simd/vector.as";

const CHUNK: u32 = 4096; // squaresChunk of kernel.ts

export function sum(x: usize, y: usize, size: u32, _begin: u32, _end: u32): void {
  store<f32>(y, <f32>sumOf(x, size));
}

export function root_sum(x: usize, y: usize, size: u32, _begin: u32, _end: u32): void {
  store<f32>(y, <f32>sqrt(sumOf(x, size)));
}

export function sum_squares(
  x: usize,
  partials: usize,
  size: u32,
  partialOffset: u32,
  begin: u32,
  end: u32,
): void {
  for (let chunk = begin; chunk < end; chunk++) {
    const start = chunk * CHUNK;
    const total = sumOfSquares(x + bytesOf(start), min(CHUNK, size - start), 0);
    store<f32>(partials + bytesOf(partialOffset + chunk), <f32>total);
  }
}

export function sum_columns(
  x: usize,
  y: usize,
  rows: u32,
  width: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  for (let first = begin; first < end; first += COLUMNS) {
    const bytes = bytesOf(min(COLUMNS, end - first)), to = y + bytesOf(first);
    for (let row: u32 = 0; row < rows; row += BLOCK_ROWS) {
      const from = x + bytesOf(row * width + first);
      blockColumns(from, bytes, min(BLOCK_ROWS, rows - row), bytesOf(width));
      addTotals(to, scratch(0), bytes, row > 0 ? 1 : accumulate);
    }
  }
}

/** Σ over a block's rows, into scratch. */
function blockColumns(from: usize, bytes: usize, rows: u32, stride: usize): void {
  const totals = scratch(0);
  clearTotals(totals, bytes);
  for (; rows > 0; rows--, from += stride) {
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      v128.store(totals + at, f32x4.add(v128.load(totals + at), v128.load(from + at)));
    }
  }
}
