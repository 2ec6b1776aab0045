/** Rows of scores. */

import { expRange } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf, largestOf, splat, storePart, VECTOR, zero } from "../simd/vector.as";
import { SINGLE } from "./tiles.as";

/** Sets the scores of hidden keys to -∞, whose exponential is 0. */
export function maskRow(scores: usize, mask: usize, width: u32): void {
  for (let at: usize = 0; at < bytesOf(width); at += VECTOR) {
    const hidden = i32x4.eq(v128.load(mask + at), i32x4.splat(0));
    const x = v128.bitselect(splat(-Infinity), v128.load(scores + at), hidden);
    v128.store(scores + at, x);
  }
}

/** Zeros the elements `begin` to `end` of a row, in whole vectors. */
export function clearTail(row: usize, begin: u32, end: u32): void {
  const last = row + bytesOf(end);
  for (let at = row + bytesOf((begin + 3) & ~3); at < last; at += VECTOR) v128.store(at, zero());
}

/**
 * Replaces scores by e^(score - maximum), those past `visible` by 0, and updates the row's running
 * maximum and sum. Returns the factor that rescales what was summed before.
 */
export function softmaxRow(scores: usize, width: u32, visible: u32, statistics: usize): f32 {
  const before = load<f32>(statistics);
  const largest = largestOf(scores, scores + bytesOf(visible), before);
  // If no key was seen, -∞ - 0 keeps the exponentials 0 rather than NaN.
  const shift: f32 = largest == -Infinity ? 0 : largest;
  const sum = expRange(scores, scores, visible, shift);
  clearTail(scores, visible, width);
  const shrink = exponential(before - shift);
  store<f32>(statistics, largest);
  store<f32>(statistics, load<f32>(statistics, 4) * shrink + sum, 4);
  return shrink;
}

/** e^x of one number. */
function exponential(x: f32): f32 {
  if (x == 0) return 1;
  store<f32>(scratch(SINGLE), x);
  return expRange(scratch(SINGLE), scratch(SINGLE), 1, 0);
}

/** row · factor. */
export function scaleRow(row: usize, width: u32, factor: f32): void {
  const factors = splat(factor), last = row + bytesOf(width);
  for (; row + VECTOR <= last; row += VECTOR) v128.store(row, f32x4.mul(v128.load(row), factors));
  if (row < last) storePart(row, f32x4.mul(v128.load(row), factors), <u32>(last - row) >> 2);
}
