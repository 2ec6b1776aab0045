/** row_norms, scale_columns, scale_rows, dot_columns. */

import { BLOCK_ROWS, clearTotals, COLUMNS } from "../simd/columns.as";
import { scratch } from "../simd/scratch.as";
import { sumOfSquares } from "../simd/sums.as";
import { bytesOf, loadIf, madd, storeUntil, VECTOR, zero } from "../simd/vector.as";

export function row_norms(
  x: usize,
  y: usize,
  _rows: u32,
  width: u32,
  begin: u32,
  end: u32,
): void {
  for (let row = begin; row < end; row++) {
    const squares = sumOfSquares(x + bytesOf(row * width), width, 0);
    store<f32>(y + bytesOf(row), <f32>sqrt(squares));
  }
}

export function scale_columns(
  x: usize,
  factors: usize,
  divisors: usize,
  y: usize,
  _rows: u32,
  width: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(width);
  for (let row: usize = begin; row < end; row++) {
    const from = x + row * bytes, to = y + row * bytes;
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      const quotient = divide(v128.load(factors + at), v128.load(divisors + at));
      const held = loadIf(accumulate, to + at);
      storeUntil(to + bytes, to + at, madd(v128.load(from + at), quotient, held));
    }
  }
}

export function scale_rows(
  x: usize,
  factors: usize,
  divisors: usize,
  y: usize,
  _rows: u32,
  width: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(width);
  for (let row: usize = begin; row < end; row++) {
    const from = x + row * bytes, to = y + row * bytes;
    const factor = v128.load32_splat(factors + row * 4);
    const quotient = divide(factor, v128.load32_splat(divisors + row * 4));
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      const held = loadIf(accumulate, to + at);
      storeUntil(to + bytes, to + at, madd(v128.load(from + at), quotient, held));
    }
  }
}

export function dot_columns(
  a: usize,
  b: usize,
  divisors: usize,
  y: usize,
  rows: u32,
  width: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  for (let first = begin; first < end; first += COLUMNS) {
    const bytes = bytesOf(min(COLUMNS, end - first)), sums = scratch(bytesOf(COLUMNS));
    clearTotals(sums, bytes);
    for (let row: u32 = 0; row < rows; row += BLOCK_ROWS) {
      const at = bytesOf(row * width + first), count = min(BLOCK_ROWS, rows - row);
      blockDots(a + at, b + at, bytes, count, bytesOf(width));
      addBlock(sums, bytes);
    }
    quotients(sums, divisors + bytesOf(first), y + bytesOf(first), bytes, accumulate);
  }
}

/** Σ a · b over a block's rows, into scratch. */
function blockDots(a: usize, b: usize, bytes: usize, rows: u32, stride: usize): void {
  const totals = scratch(0);
  clearTotals(totals, bytes);
  for (; rows > 0; rows--, a += stride, b += stride) {
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      const held = v128.load(totals + at);
      v128.store(totals + at, madd(v128.load(a + at), v128.load(b + at), held));
    }
  }
}

function addBlock(sums: usize, bytes: usize): void {
  const totals = scratch(0);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    v128.store(sums + at, f32x4.add(v128.load(sums + at), v128.load(totals + at)));
  }
}

function quotients(sums: usize, divisors: usize, y: usize, bytes: usize, accumulate: u32): void {
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const value = divide(v128.load(sums + at), v128.load(divisors + at));
    storeUntil(y + bytes, y + at, f32x4.add(loadIf(accumulate, y + at), value));
  }
}

/** x / divisor, 0 where the divisor is 0. */
// @ts-ignore: decorator
@inline function divide(x: v128, divisor: v128): v128 {
  return v128.and(f32x4.div(x, divisor), f32x4.ne(divisor, zero()));
}
