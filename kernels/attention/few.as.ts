/** Attention of a few queries, as when generating tokens: keys and values are read in place, once. */

import { dotRows, FEW_ROWS } from "../matmul/dot_rows.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf, madd, storeUntil, VECTOR, zero } from "../simd/vector.as";
import { softmaxRow } from "./softmax.as";

/** Most keys whose scores fit into scratch. */
const MOST: u32 = 65000;

/** True if queries and keys are few enough for the functions here. */
export function areFew(queries: u32, keys: u32): bool {
  return queries <= FEW_ROWS && keys <= MOST;
}

/** Query i sees the keys before limit + i + 1. */
export function attendFew(
  q: usize,
  qRow: usize,
  k: usize,
  kRow: usize,
  v: usize,
  vRow: usize,
  mask: usize,
  out: usize,
  outRow: usize,
  logSumExp: usize,
  headWidth: u32,
  count: u32,
  keys: u32,
  limit: u32,
  scale: f32,
): void {
  const line = bytesOf(MOST);
  let scores = scratch(0);
  dotRows<f32>(count, keys, headWidth, q, qRow, k, kRow, scores, line, scale, 0, 0);
  for (let i: u32 = 0; i < count; i++, scores += line, out += outRow, logSumExp += 4) {
    const seen = min(keys, limit + i + 1);
    softmaxRow(scores, seen, mask, logSumExp);
    for (let column: u32 = 0; column < headWidth; column += 16) {
      const at = bytesOf(column);
      weightedSum(out + at, v + at, vRow, scores, seen, bytesOf(min(16, headWidth - column)));
    }
  }
}

/** to = Σ_j p_j v_j, of at most 16 columns: a cache line. */
function weightedSum(to: usize, v: usize, vRow: usize, p: usize, keys: u32, bytes: usize): void {
  let x0 = zero(), x1 = zero(), x2 = zero(), x3 = zero();
  for (const end = p + bytesOf(keys); p < end; p += 4, v += vRow) {
    const weight = v128.load32_splat(p);
    x0 = madd(weight, v128.load(v), x0), x1 = madd(weight, v128.load(v, 16), x1);
    x2 = madd(weight, v128.load(v, 32), x2), x3 = madd(weight, v128.load(v, 48), x3);
  }
  const last = to + bytes;
  storeUntil(last, to, x0);
  if (bytes > VECTOR) storeUntil(last, to + 16, x1);
  if (bytes > 2 * VECTOR) storeUntil(last, to + 32, x2);
  if (bytes > 3 * VECTOR) storeUntil(last, to + 48, x3);
}
