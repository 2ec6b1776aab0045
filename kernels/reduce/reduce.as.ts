/** sum, root_sum, sum_squares, sum_columns. */

import { sumBlocks, sumSquareBlocks } from "../simd/sums.as";
import { loadIf, storePart, VECTOR, zero } from "../simd/vector.as";

const CHUNK: u32 = 4096; // squaresChunk of kernel.ts
const BLOCK_ROWS: u32 = 128;

export function sum(x: usize, y: usize, size: u32, _begin: u32, _end: u32): void {
  store<f32>(y, <f32>sumBlocks(x, size));
}

export function root_sum(x: usize, y: usize, size: u32, _begin: u32, _end: u32): void {
  store<f32>(y, <f32>sqrt(sumBlocks(x, size)));
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
    const total = sumSquareBlocks(x + (<usize>start << 2), min(CHUNK, size - start));
    store<f32>(partials + (<usize>(partialOffset + chunk) << 2), <f32>total);
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
  const stride: usize = <usize>width << 2, last: usize = <usize>end << 2;
  for (let column: usize = <usize>begin << 2; column < last; column += VECTOR) {
    const sum = f32x4.add(loadIf(accumulate, y + column), columnSum(x + column, rows, stride));
    if (column + VECTOR <= last) v128.store(y + column, sum);
    else storePart(y + column, sum, <u32>(last - column) >> 2);
  }
}

/** Σ over rows of four columns, in blocks, so that the error grows with the number of blocks. */
function columnSum(from: usize, rows: u32, stride: usize): v128 {
  let total = zero();
  for (let start: u32 = 0; start < rows; start += BLOCK_ROWS) {
    let sum = zero();
    for (let row = min(BLOCK_ROWS, rows - start); row > 0; row--, from += stride) {
      sum = f32x4.add(sum, v128.load(from));
    }
    total = f32x4.add(total, sum);
  }
  return total;
}
