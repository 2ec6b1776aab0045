/** attention_forward. */

import { log } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf, splat } from "../simd/vector.as";
import { attendByBlas, isForBlas } from "./blas.as";
import { areFew, attendFew } from "./few.as";
import { LANES, packColumns, packRows, padded, product, ROW, writeColumns } from "./panels.as";
import { FACTORS, hideScores, scaleColumns, softmaxPanel, STATISTICS, SUMS } from "./softmax.as";
import { firstRow, headOf, rowsOf, sequenceOf } from "./sequences.as";
import { forwardTile } from "./tiles.as";

export function attention_forward(
  q: usize,
  k: usize,
  v: usize,
  mask: usize,
  starts: usize,
  out: usize,
  logSumExp: usize,
  batch: u32,
  heads: u32,
  kvHeads: u32,
  headWidth: u32,
  queries: u32,
  keys: u32,
  past: u32,
  qStride: u32,
  qOffset: u32,
  kStride: u32,
  kOffset: u32,
  vStride: u32,
  vOffset: u32,
  kvRows: u32,
  scale: f32,
  causal: u32,
  hasMask: u32,
  packedRows: u32,
  begin: u32,
  end: u32,
): void {
  const qRow = bytesOf(qStride), kRow = bytesOf(kStride), vRow = bytesOf(vStride);
  const outRow = bytesOf(heads * headWidth), packed = packedRows ? starts : 0;
  for (let unit = begin; unit < end; unit++) {
    const b = sequenceOf(unit, packed, batch, heads), h = headOf(unit, packed, batch, heads);
    const head = h * headWidth, kvHead = h * kvHeads / heads * headWidth;
    const query = firstRow(packed, b, queries), key: usize = firstRow(packed, b, kvRows);
    const count = rowsOf(packed, b, queries);
    attendHead(
      q + <usize>query * qRow + bytesOf(qOffset + head),
      qRow,
      k + key * kRow + bytesOf(kOffset + kvHead),
      kRow,
      v + key * vRow + bytesOf(vOffset + kvHead),
      vRow,
      hasMask ? mask + bytesOf(b * keys) : 0,
      out + <usize>query * outRow + bytesOf(head),
      outRow,
      logSumExp + bytesOf(query * heads + h * count),
      headWidth,
      count,
      rowsOf(packed, b, keys),
      past,
      scale,
      causal,
    );
  }
}

/** All queries of a head on all its keys. */
function attendHead(
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
  past: u32,
  scale: f32,
  causal: u32,
): void {
  if (!areFew(queries, keys) && isForBlas(queries, keys, headWidth)) {
    const limit = causal ? past : keys;
    // deno-fmt-ignore
    attendByBlas(
      q, qRow, k, kRow, v, vRow, mask, out, outRow, logSumExp, headWidth, queries, keys, limit, scale,
    );
    return;
  }
  const most = forwardTile(headWidth);
  for (let first: u32 = 0; first < queries; first += most) {
    const count = min(most, queries - first), limit = causal ? past + first : keys;
    const seen = min(keys, limit + count), lse = logSumExp + bytesOf(first);
    const qAt = q + <usize>first * qRow, to = out + <usize>first * outRow;
    if (areFew(count, seen)) {
      // deno-fmt-ignore
      attendFew(
        qAt, qRow, k, kRow, v, vRow, mask, to, outRow, lse, headWidth, count, seen, limit, scale,
      );
      continue;
    }
    startSpan(qAt, qRow, headWidth, count, scale);
    attend(k, kRow, v, vRow, mask, headWidth, count, seen, limit);
    finishSpan(to, outRow, headWidth, count, lse);
  }
}

/** Bytes of one operand of a tile. */
// @ts-ignore: decorator
@inline function room(headWidth: u32): usize {
  return bytesOf(forwardTile(headWidth) * padded(headWidth));
}

/** Statistics and output of a panel of queries. */
function stateOf(query: u32, headWidth: u32): usize {
  const panels: usize = room(headWidth) * 3 + ROW * <usize>forwardTile(headWidth);
  return scratch(panels) + <usize>(query / LANES) * (STATISTICS + ROW * padded(headWidth));
}

function startSpan(q: usize, qRow: usize, headWidth: u32, count: u32, scale: f32): void {
  packRows(LANES, scratch(0), q, qRow, count, headWidth, scale);
  for (let query: u32 = 0; query < count; query += LANES) {
    const state = stateOf(query, headWidth);
    memory.fill(state, 0, STATISTICS);
    v128.store(state, splat(-Infinity)), v128.store(state, splat(-Infinity), 16);
  }
}

/** All tiles of keys, for the queries of a span; query i sees the keys before limit + i + 1. */
function attend(
  k: usize,
  kRow: usize,
  v: usize,
  vRow: usize,
  mask: usize,
  headWidth: u32,
  count: u32,
  seen: u32,
  limit: u32,
): void {
  const packedK = scratch(room(headWidth)), packedV = packedK + room(headWidth);
  const most = forwardTile(headWidth);
  for (let key: u32 = 0; key < seen; key += most) {
    const tile = min(most, seen - key), row: usize = key;
    packRows(4, packedK, k + row * kRow, kRow, tile, headWidth, 1);
    packColumns(packedV, v + row * vRow, vRow, tile, headWidth);
    for (let query: u32 = 0; query < count; query += LANES) {
      const last = limit + min(query + LANES, count);
      if (last <= key) continue;
      const visible = <i32>(limit + query + 1 - key), maskAt = mask ? mask + bytesOf(key) : 0;
      attendPanel(query, headWidth, tile, min(tile, last - key), visible, maskAt, key > 0 ? 1 : 0);
    }
  }
}

/** The first `keys` keys of a tile, for 8 queries; lane i sees `visible` + i of them. */
function attendPanel(
  query: u32,
  headWidth: u32,
  tile: u32,
  keys: u32,
  visible: i32,
  mask: usize,
  held: u32,
): void {
  const packedK = scratch(room(headWidth)), packedV = packedK + room(headWidth);
  const scores = packedV + room(headWidth), width = padded(headWidth);
  const state = stateOf(query, headWidth), out = state + STATISTICS;
  const packedQ = scratch(ROW * <usize>(query / LANES * width));
  product(keys, headWidth, packedK, 16 * width, packedQ, scores, 0, 0);
  hideScores(scores, keys, visible, mask);
  softmaxPanel(scores, keys, state);
  if (held) scaleColumns(out, headWidth, state + FACTORS);
  product(headWidth, keys, packedV, 16 * tile, scores, out, held, 0);
}

/** Divides by the sums. A query that saw no key gets 0, and a log-sum-exp of 0, which is never used. */
function finishSpan(out: usize, outRow: usize, headWidth: u32, count: u32, logSumExp: usize): void {
  for (let query: u32 = 0; query < count; query += LANES) {
    const state = stateOf(query, headWidth), lanes = min(LANES, count - query);
    for (let i: usize = 0; i < lanes; i++) {
      const at = state + i * 4, largest = load<f32>(at), sum = load<f32>(at + SUMS);
      store<f32>(at + FACTORS, sum == 0 ? 0 : 1 / sum);
      const lse: f32 = sum == 0 ? 0 : <f32>(<f64>largest + log(sum));
      store<f32>(logSumExp + bytesOf(query) + i * 4, lse);
    }
    const left = v128.load(state + FACTORS), right = v128.load(state + FACTORS, 16);
    const to = out + <usize>query * outRow, from = state + STATISTICS;
    writeColumns(to, outRow, from, headWidth, lanes, left, right, 0);
  }
}
