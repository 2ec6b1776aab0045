/**
 * Attention with the products of a BLAS, which reads and writes the rows where they are. A block of queries has
 * its scores with all keys that one of them sees: nothing is packed, and a softmax is along contiguous rows.
 */

import { hasBlas, sgemm } from "../matmul/blas.as";
import { expRange } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf, splat, VECTOR, zero } from "../simd/vector.as";
import { padded } from "./panels.as";
import { softmaxRow } from "./softmax.as";

/** Most queries of a block: with more, a causal mask hides more of what is multiplied. */
const MOST: u32 = 96;
/** Values of a block's scores, or of their gradients, of which both fit into scratch. */
const VALUES: u32 = 131072;
/** Fewest multiplications of a product that make up for calling the BLAS. */
const LEAST: u32 = 8192;

/** True with a BLAS, if 8 queries' scores with all keys fit and the products are worth the calls. */
export function isForBlas(queries: u32, keys: u32, headWidth: u32): bool {
  return hasBlas() && keys <= VALUES / 8 && <u64>queries * keys * headWidth >= LEAST;
}

/** Queries of a block, all about equally large. */
function blockOf(queries: u32, keys: u32): u32 {
  const most = min(MOST, VALUES / padded(keys)), blocks = (queries + most - 1) / most;
  return (queries + blocks - 1) / blocks;
}

/** Query i sees the keys before limit + i + 1. */
export function attendByBlas(
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
  queries: u32,
  keys: u32,
  limit: u32,
  scale: f32,
): void {
  const most = blockOf(queries, keys), p = scratch(0);
  for (let first: u32 = 0; first < queries; first += most) {
    const rows = min(most, queries - first), seen = min(keys, limit + first + rows);
    const pRow = bytesOf(padded(seen)), from = q + <usize>first * qRow;
    sgemm(0, 1, rows, seen, headWidth, scale, from, qRow, k, kRow, 0, p, pRow);
    let row = p, lse = logSumExp + bytesOf(first);
    for (let i: u32 = 0; i < rows; i++, row += pRow, lse += 4) {
      const own = min(keys, limit + first + i + 1);
      softmaxRow(row, own, mask, lse);
      fillRest(row, own, pRow);
    }
    sgemm(0, 0, rows, headWidth, seen, 1, p, pRow, v, vRow, 0, out + <usize>first * outRow, outRow);
  }
}

/** The gradients of a head of a fused buffer. Blocks of queries from the last one on, which sees all keys. */
export function backwardByBlas(
  qkv: usize,
  mask: usize,
  logSumExp: usize,
  dOut: usize,
  delta: usize,
  dQkv: usize,
  width: usize,
  headWidth: u32,
  time: u32,
  causal: u32,
  scale: f32,
): void {
  const most = blockOf(time, time), row: usize = 3 * width, p = scratch(0), ds = scratch(bytesOf(VALUES));
  const k = qkv + width, v = k + width, dK = dQkv + width, dV = dK + width;
  for (let last = time; last > 0;) {
    const first = (last - 1) / most * most, rows = last - first, seen = causal ? last : time;
    const pRow = bytesOf(padded(seen)), held: f32 = last < time ? 1 : 0, at = bytesOf(first);
    const q = qkv + row * first, dq = dQkv + row * first, d = dOut + width * first;
    sgemm(0, 1, rows, seen, headWidth, scale, q, row, k, row, 0, p, pRow);
    sgemm(0, 1, rows, seen, headWidth, 1, d, width, v, row, 0, ds, pRow);
    weigh(p, ds, pRow, mask, rows, seen, causal ? first : time, logSumExp + at, delta + at);
    sgemm(1, 0, seen, headWidth, rows, 1, p, pRow, d, width, held, dV, row);
    sgemm(1, 0, seen, headWidth, rows, scale, ds, pRow, q, row, held, dK, row);
    sgemm(0, 0, rows, headWidth, seen, scale, ds, pRow, k, row, 0, dq, row);
    last = first;
  }
}

/** p = e^(score - logSumExp), 0 for what is hidden, and ds = p (dp - δ), in the places of scores and dp. */
function weigh(
  p: usize,
  ds: usize,
  row: usize,
  mask: usize,
  rows: u32,
  keys: u32,
  limit: u32,
  logSumExp: usize,
  delta: usize,
): void {
  for (let i: u32 = 0; i < rows; i++, p += row, ds += row) {
    const own = min(keys, limit + i + 1), less = splat(load<f32>(delta + bytesOf(i)));
    expRange(p, p, own, load<f32>(logSumExp + bytesOf(i)));
    if (mask) hideRow(p, mask, own);
    for (let at: usize = 0; at < bytesOf(own); at += VECTOR) {
      v128.store(ds + at, f32x4.mul(v128.load(p + at), f32x4.sub(v128.load(ds + at), less)));
    }
    fillRest(p, own, row);
    fillRest(ds, own, row);
  }
}

/** Zeros the weights of hidden keys. */
function hideRow(p: usize, mask: usize, keys: u32): void {
  for (let at: usize = 0; at < bytesOf(keys); at += VECTOR) {
    const shown = i32x4.ne(v128.load(mask + at), zero());
    v128.store(p + at, v128.and(v128.load(p + at), shown));
  }
}

/** Zeros a row behind its first `count` values, which end with a whole vector. */
function fillRest(row: usize, count: u32, bytes: usize): void {
  const last = row + bytes;
  for (row += bytesOf(padded(count)); row < last; row += VECTOR) v128.store(row, zero());
}
