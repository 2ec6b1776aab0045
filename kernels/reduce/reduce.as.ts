/** sum, root_sum, sum_squares, sum_columns. */

import { addLine, BLOCK_ROWS, LINE } from "../simd/columns.as";
import { sumOf, sumOfSquares } from "../simd/sums.as";
import { bytesOf, zero } from "../simd/vector.as";

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
  for (let column = begin; column < end; column += LINE) {
    const to = y + bytesOf(column), bytes = bytesOf(min(LINE, end - column));
    for (let row: u32 = 0; row < rows; row += BLOCK_ROWS) {
      const from = x + bytesOf(row * width + column), count = min(BLOCK_ROWS, rows - row);
      sumLine(from, bytesOf(width), count, to, bytes, row > 0 ? 1 : accumulate);
    }
  }
}

/** Σ over a block's rows of the columns of a cache line, in registers down the rows. */
function sumLine(x: usize, stride: usize, rows: u32, to: usize, bytes: usize, held: u32): void {
  let s0 = zero(), s1 = zero(), s2 = zero(), s3 = zero();
  for (; rows > 0; rows--, x += stride) {
    s0 = f32x4.add(s0, v128.load(x)), s1 = f32x4.add(s1, v128.load(x, 16));
    s2 = f32x4.add(s2, v128.load(x, 32)), s3 = f32x4.add(s3, v128.load(x, 48));
  }
  addLine(to, bytes, s0, s1, s2, s3, held);
}
