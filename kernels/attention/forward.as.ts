/** attention_forward. */

import { gemmPacked, PACKED_B } from "../matmul/gemm.as";
import { packB } from "../matmul/pack.as";
import { log } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf } from "../simd/vector.as";
import { maskRow, scaleRow, softmaxRow } from "./softmax.as";
import {
  keysThatFit,
  SCORES,
  SPAN_QUERIES,
  STATISTICS,
  TILE_QUERIES,
  TILE_ROW,
} from "./tiles.as";

export function attention_forward(
  q: usize,
  k: usize,
  v: usize,
  mask: usize,
  out: usize,
  logSumExp: usize,
  _batch: u32,
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
  begin: u32,
  end: u32,
): void {
  const qRow = bytesOf(qStride), kRow = bytesOf(kStride), vRow = bytesOf(vStride);
  const outRow = bytesOf(heads * headWidth);
  for (let unit = begin; unit < end; unit++) {
    const b = unit / heads, head = (unit % heads) * headWidth;
    const kvHead = (unit % heads) * kvHeads / heads * headWidth;
    const kAt = k + <usize>(b * kvRows) * kRow + bytesOf(kOffset + kvHead);
    const vAt = v + <usize>(b * kvRows) * vRow + bytesOf(vOffset + kvHead);
    const maskAt = hasMask ? mask + bytesOf(b * keys) : 0;
    for (let first: u32 = 0; first < queries; first += SPAN_QUERIES) {
      const count = min(SPAN_QUERIES, queries - first), row: usize = b * queries + first;
      const qAt = q + row * qRow + bytesOf(qOffset + head);
      const to = out + row * outRow + bytesOf(head);
      const lse = logSumExp + bytesOf(unit * queries + first);
      const limit = causal ? past + first : keys;
      const seen = min(keys, limit + count);
      startSpan(to, outRow, headWidth, count);
      // deno-fmt-ignore
      attend(
        qAt, qRow, kAt, kRow, vAt, vRow, maskAt, to, outRow, headWidth, count, seen, limit, scale,
      );
      finishSpan(to, outRow, headWidth, count, lse);
    }
  }
}

function startSpan(out: usize, outRow: usize, headWidth: u32, count: u32): void {
  for (let i: usize = 0; i < count; i++) {
    store<f32>(scratch(STATISTICS) + i * 8, -Infinity);
    store<f32>(scratch(STATISTICS) + i * 8, 0, 4);
    memory.fill(out + i * outRow, 0, bytesOf(headWidth));
  }
}

/**
 * All tiles of a span of queries; query i sees the keys up to limit + i. Keys and values are packed
 * once; every tile of queries updates its running maxima and sums.
 */
function attend(
  q: usize,
  qRow: usize,
  k: usize,
  kRow: usize,
  v: usize,
  vRow: usize,
  mask: usize,
  out: usize,
  outRow: usize,
  headWidth: u32,
  count: u32,
  seen: u32,
  limit: u32,
  scale: f32,
): void {
  const most = keysThatFit(headWidth, 2), packedK = scratch(PACKED_B);
  const packedV = packedK + bytesOf(most * headWidth), scores = scratch(SCORES);
  for (let key: u32 = 0; key < seen; key += most) {
    const tile = min(most, seen - key), row: usize = key;
    packB<f32>(packedK, k + row * kRow, tile, headWidth, kRow, 4);
    packB<f32>(packedV, v + row * vRow, headWidth, tile, 4, vRow);
    for (let query: u32 = 0; query < count; query += TILE_QUERIES) {
      const rows = min(TILE_QUERIES, count - query), last = limit + query + rows;
      if (last <= key) continue;
      const width = min(tile, last - key), from = q + <usize>query * qRow;
      const to = out + <usize>query * outRow, maskAt = mask ? mask + bytesOf(key) : 0;
      const depth = headWidth;
      gemmPacked(rows, width, depth, from, qRow, 4, packedK, depth, scores, TILE_ROW, scale, 0, 0);
      softmaxTile(rows, width, limit + query + 1 - key, query, maskAt, to, outRow, headWidth, key);
      gemmPacked(rows, headWidth, width, scores, TILE_ROW, 4, packedV, tile, to, outRow, 1, 0, 1);
    }
  }
}

/** Row i of the tile sees `visible` + i of its keys (as a signed number). */
function softmaxTile(
  rows: u32,
  width: u32,
  visible: i32,
  query: u32,
  mask: usize,
  out: usize,
  outRow: usize,
  headWidth: u32,
  key: u32,
): void {
  for (let i: u32 = 0; i < rows; i++) {
    const row = scratch(SCORES) + <usize>i * TILE_ROW;
    const seen = <u32>max(0, min(<i32>width, visible + <i32>i));
    if (mask) maskRow(row, mask, width);
    const shrink = softmaxRow(row, width, seen, scratch(STATISTICS) + <usize>(query + i) * 8);
    if (key > 0 && shrink != 1) scaleRow(out + <usize>i * outRow, headWidth, shrink);
  }
}

/** Divides by the sums. A query that saw no key gets 0, and a log-sum-exp of 0, which is never used. */
function finishSpan(out: usize, outRow: usize, headWidth: u32, count: u32, logSumExp: usize): void {
  for (let i: usize = 0; i < count; i++) {
    const at = scratch(STATISTICS) + i * 8, largest = load<f32>(at), sum = load<f32>(at, 4);
    scaleRow(out + i * outRow, headWidth, sum == 0 ? 0 : 1 / sum);
    store<f32>(logSumExp + i * 4, sum == 0 ? 0 : <f32>(<f64>largest + log(sum)));
  }
}
