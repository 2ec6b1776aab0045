/** The product of a few rows with the rows of B: one token's step through a linear layer. */

import { loadFour } from "../float16/widen.as";
import {
  bytesOf,
  firstLanes,
  LANES,
  loadUntil,
  madd,
  splat,
  storePart,
  VECTOR,
  zero,
} from "../simd/vector.as";

/** Up to this many rows, reading B in place is faster than packing it. */
export const FEW_ROWS: u32 = 4;

/**
 * C = (held ? C : 0) + bias + alpha · A Bᵀ for m <= FEW_ROWS; A and B are contiguous in k. Four columns
 * of C at a time, each the sum of eight partial sums. B has storage type T.
 */
export function dotRows<T>(
  m: u32,
  n: u32,
  k: u32,
  a: usize,
  aRow: usize,
  b: usize,
  bRow: usize,
  c: usize,
  cRow: usize,
  alpha: f32,
  bias: usize,
  held: u32,
): void {
  const factor = splat(alpha);
  for (let column: u32 = 0; column < n; column += 4) {
    const last = n - column - 1, b0 = b + <usize>column * bRow;
    const b1 = b0 + <usize>min(1, last) * bRow, b2 = b0 + <usize>min(2, last) * bRow;
    const b3 = b0 + <usize>min(3, last) * bRow;
    const to = c + bytesOf(column), start = bias ? v128.load(bias + bytesOf(column)) : zero();
    for (let row: usize = 0; row < m; row++) {
      const at = to + row * cRow, sums = fourDots<T>(a + row * aRow, b0, b1, b2, b3, k);
      const result = madd(sums, factor, held ? f32x4.add(v128.load(at), start) : start);
      if (last >= 3) v128.store(at, result);
      else storePart(at, result, last + 1);
    }
  }
}

function fourDots<T>(a: usize, b0: usize, b1: usize, b2: usize, b3: usize, k: u32): v128 {
  let s0 = zero(), s1 = zero(), s2 = zero(), s3 = zero();
  let t0 = zero(), t1 = zero(), t2 = zero(), t3 = zero();
  const four: usize = LANES * sizeof<T>(), bytes = <usize>k * sizeof<T>(), last = a + bytesOf(k);
  let at: usize = 0;
  for (; at + 2 * four <= bytes; at += 2 * four, a += 2 * VECTOR) {
    const x = v128.load(a), y = v128.load(a, 16), next = at + four;
    s0 = madd(x, loadFour<T>(b0 + at), s0), t0 = madd(y, loadFour<T>(b0 + next), t0);
    s1 = madd(x, loadFour<T>(b1 + at), s1), t1 = madd(y, loadFour<T>(b1 + next), t1);
    s2 = madd(x, loadFour<T>(b2 + at), s2), t2 = madd(y, loadFour<T>(b2 + next), t2);
    s3 = madd(x, loadFour<T>(b3 + at), s3), t3 = madd(y, loadFour<T>(b3 + next), t3);
  }
  for (; at < bytes; at += four, a += VECTOR) {
    const x = loadUntil(last, a), lanes = firstLanes(<u32>min(VECTOR, last - a) >> 2);
    s0 = madd(x, v128.and(lanes, loadFour<T>(b0 + at)), s0);
    s1 = madd(x, v128.and(lanes, loadFour<T>(b1 + at)), s1);
    s2 = madd(x, v128.and(lanes, loadFour<T>(b2 + at)), s2);
    s3 = madd(x, v128.and(lanes, loadFour<T>(b3 + at)), s3);
  }
  return sumEach(f32x4.add(s0, t0), f32x4.add(s1, t1), f32x4.add(s2, t2), f32x4.add(s3, t3));
}

/** The four vectors' sums over their lanes. */
// @ts-ignore: decorator
@inline function sumEach(s0: v128, s1: v128, s2: v128, s3: v128): v128 {
  const low = f32x4.add(i32x4.shuffle(s0, s1, 0, 4, 1, 5), i32x4.shuffle(s0, s1, 2, 6, 3, 7));
  const high = f32x4.add(i32x4.shuffle(s2, s3, 0, 4, 1, 5), i32x4.shuffle(s2, s3, 2, 6, 3, 7));
  return f32x4.add(i64x2.shuffle(low, high, 0, 2), i64x2.shuffle(low, high, 1, 3));
}
