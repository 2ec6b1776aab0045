/** Rows of scores. */

import { exp4 } from "../simd/exponential.as";
import { firstLanes, maxLanes, splat, storePart, sumLanes, VECTOR, zero } from "../simd/vector.as";

/** Scores of hidden keys become -∞, of which the exponential is 0. */
export function maskRow(scores: usize, mask: usize, width: u32): void {
  const bytes: usize = <usize>width << 2;
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const hidden = i32x4.eq(v128.load(mask + at), i32x4.splat(0));
    const x = v128.bitselect(splat(-Infinity), v128.load(scores + at), hidden);
    v128.store(scores + at, x);
  }
}

/**
 * Scores become e^(score - maximum), those past `visible` 0; the row's running maximum and sum go on.
 * Gives the factor by which the sums so far shrink.
 */
export function softmaxRow(scores: usize, width: u32, visible: u32, statistics: usize): f32 {
  const before = load<f32>(statistics), last: usize = scores + (<usize>visible << 2);
  const largest = largestOf(scores, last, before);
  // Where nothing was seen, -∞ - 0 keeps the exponentials 0 rather than NaN.
  const shift = largest == -Infinity ? zero() : splat(largest);
  let at = scores, sum = zero();
  for (; at + VECTOR <= last; at += VECTOR) {
    const p = exp4(f32x4.sub(v128.load(at), shift));
    v128.store(at, p);
    sum = f32x4.add(sum, p);
  }
  if (at < last) {
    const p = v128.and(exp4(f32x4.sub(v128.load(at), shift)), firstLanes(<u32>(last - at) >> 2));
    v128.store(at, p);
    sum = f32x4.add(sum, p);
    at += VECTOR;
  }
  for (; at < scores + (<usize>width << 2); at += VECTOR) v128.store(at, zero());
  const shrink = f32x4.extract_lane(exp4(f32x4.sub(splat(before), shift)), 0);
  store<f32>(statistics, largest);
  store<f32>(statistics, load<f32>(statistics, 4) * shrink + sumLanes(sum), 4);
  return shrink;
}

/** The largest of the scores and `before`; a NaN that it misses comes back through the exponentials. */
function largestOf(at: usize, last: usize, before: f32): f32 {
  let largest = splat(before);
  for (; at + VECTOR <= last; at += VECTOR) largest = f32x4.pmax(largest, v128.load(at));
  for (; at < last; at += 4) largest = f32x4.pmax(largest, v128.load32_splat(at));
  return maxLanes(largest);
}

/** row · factor. */
export function scaleRow(row: usize, width: u32, factor: f32): void {
  const factors = splat(factor), last: usize = row + (<usize>width << 2);
  for (; row + VECTOR <= last; row += VECTOR) v128.store(row, f32x4.mul(v128.load(row), factors));
  if (row < last) storePart(row, f32x4.mul(v128.load(row), factors), <u32>(last - row) >> 2);
}
