/** Panels of scores, whose rows are keys and the 8 columns queries; and rows of scores, one for each query. */

import { expRange, log } from "../simd/exponential.as";
import { bytesOf, largestOf, splat, zero } from "../simd/vector.as";
import { maskRow, scaleRow } from "../softmax/softmax.as";
import { LANES, ROW } from "./panels.as";

/** Bytes of the statistics of 8 queries: maxima, sums, factors that rescale what was summed before. */
export const STATISTICS: usize = 96;
/** Offset of the sums. */
export const SUMS: usize = 32;
/** Offset of the factors. */
export const FACTORS: usize = 64;

/** Hides keys that the mask hides, and key j from query i unless j < visible + i. */
export function hideScores(scores: usize, keys: u32, visible: i32, mask: usize): void {
  const hidden = splat(-Infinity);
  if (mask) {
    for (let key: usize = 0; key < keys; key++) {
      if (load<u32>(mask + key * 4)) continue;
      v128.store(scores + key * ROW, hidden);
      v128.store(scores + key * ROW, hidden, 16);
    }
  }
  for (let key = max(visible, 0); key < <i32>keys; key++) {
    const at = scores + <usize>key * ROW, last = i32x4.splat(key - visible);
    const left = i32x4.le_s(i32x4(0, 1, 2, 3), last), right = i32x4.le_s(i32x4(4, 5, 6, 7), last);
    v128.store(at, v128.bitselect(hidden, v128.load(at), left));
    v128.store(at, v128.bitselect(hidden, v128.load(at, 16), right), 16);
  }
}

/** Replaces scores by e^(score - maximum) and updates the queries' statistics. */
export function softmaxPanel(scores: usize, keys: u32, statistics: usize): void {
  const last = scores + ROW * <usize>keys;
  const before0 = v128.load(statistics), before1 = v128.load(statistics, 16);
  let most0 = before0, most1 = before1;
  for (let at = scores; at < last; at += ROW) {
    most0 = f32x4.pmax(most0, v128.load(at));
    most1 = f32x4.pmax(most1, v128.load(at, 16));
  }
  v128.store(statistics, most0), v128.store(statistics, most1, 16);
  // If no key was seen, -∞ - 0 keeps the exponentials 0 rather than NaN.
  const shift0 = finite(most0), shift1 = finite(most1);
  const factors = statistics + FACTORS, sums = statistics + SUMS;
  v128.store(factors, f32x4.sub(before0, shift0));
  v128.store(factors, f32x4.sub(before1, shift1), 16);
  for (let at = scores; at < last; at += ROW) {
    v128.store(at, f32x4.sub(v128.load(at), shift0));
    v128.store(at, f32x4.sub(v128.load(at, 16), shift1), 16);
  }
  expRange(scores, scores, LANES * keys, 0);
  expRange(factors, factors, LANES, 0);
  let sum0 = f32x4.mul(v128.load(sums), v128.load(factors));
  let sum1 = f32x4.mul(v128.load(sums, 16), v128.load(factors, 16));
  for (let at = scores; at < last; at += ROW) {
    sum0 = f32x4.add(sum0, v128.load(at));
    sum1 = f32x4.add(sum1, v128.load(at, 16));
  }
  v128.store(sums, sum0), v128.store(sums, sum1, 16);
}

// @ts-ignore: decorator
@inline function finite(x: v128): v128 {
  return v128.bitselect(zero(), x, f32x4.eq(x, splat(-Infinity)));
}

/** Zeros weights, their rows queries: those of hidden keys and, on the diagonal, of key j past query j. */
export function hideWeights(p: usize, rows: u32, diagonal: u32, mask: usize): void {
  if (mask) {
    const left = i32x4.ne(v128.load(mask), zero()), right = i32x4.ne(v128.load(mask, 16), zero());
    for (let at = p; at < p + ROW * <usize>rows; at += ROW) {
      v128.store(at, v128.and(v128.load(at), left));
      v128.store(at, v128.and(v128.load(at, 16), right), 16);
    }
  }
  if (!diagonal) return;
  for (let row: u32 = 0; row < min(LANES, rows); row++, p += ROW) {
    const last = i32x4.splat(row);
    const left = i32x4.le_s(i32x4(0, 1, 2, 3), last), right = i32x4.le_s(i32x4(4, 5, 6, 7), last);
    v128.store(p, v128.and(v128.load(p), left));
    v128.store(p, v128.and(v128.load(p, 16), right), 16);
  }
}

/** Multiplies the columns of a panel. */
export function scaleColumns(panel: usize, rows: u32, factors: usize): void {
  const left = v128.load(factors), right = v128.load(factors, 16);
  for (const last = panel + ROW * <usize>rows; panel < last; panel += ROW) {
    v128.store(panel, f32x4.mul(v128.load(panel), left));
    v128.store(panel, f32x4.mul(v128.load(panel, 16), right), 16);
  }
}

/** Replaces the scores of a query by its probabilities. One that sees no key has none, and a log-sum-exp of 0. */
export function softmaxRow(scores: usize, seen: u32, mask: usize, logSumExp: usize): void {
  if (mask) maskRow(scores, mask, seen);
  const largest = largestOf(scores, scores + bytesOf(seen), -Infinity);
  // If no key was seen, -∞ - 0 keeps the exponentials 0 rather than NaN.
  const shift: f32 = largest == -Infinity ? 0 : largest;
  const sum = expRange(scores, scores, seen, shift);
  scaleRow(scores, seen, sum == 0 ? 0 : 1 / sum);
  store<f32>(logSumExp, sum == 0 ? 0 : <f32>(<f64>largest + log(sum)));
}
