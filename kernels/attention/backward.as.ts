/** attention_backward. */

import { gemmPacked, PACKED_B } from "../matmul/gemm.as";
import { packB } from "../matmul/pack.as";
import { expRange } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf, loadUntil, madd, splat, sumLanes, VECTOR, zero } from "../simd/vector.as";
import { clearTail, maskRow } from "./softmax.as";
import { GRADIENTS, keysThatFit, SCORES, TILE_QUERIES, TILE_ROW } from "./tiles.as";

export function attention_backward(
  qkv: usize,
  mask: usize,
  out: usize,
  logSumExp: usize,
  dOut: usize,
  delta: usize,
  dQkv: usize,
  _batch: u32,
  heads: u32,
  headWidth: u32,
  time: u32,
  scale: f32,
  causal: u32,
  hasMask: u32,
  begin: u32,
  end: u32,
): void {
  const width = bytesOf(heads * headWidth);
  for (let unit = begin; unit < end; unit++) {
    const b = unit / heads, column = bytesOf((unit % heads) * headWidth);
    const rows = <usize>(b * time) * width, statistics = bytesOf(unit * time);
    const outAt = rows + column, at: usize = 3 * rows + column;
    headDeltas(dOut + outAt, out + outAt, delta + statistics, headWidth, time, width);
    for (let row: usize = 0; row < 3 * time; row++) {
      memory.fill(dQkv + at + row * width, 0, bytesOf(headWidth));
    }
    backwardHead(
      qkv + at,
      hasMask ? mask + bytesOf(b * time) : 0,
      logSumExp + statistics,
      dOut + outAt,
      delta + statistics,
      dQkv + at,
      width,
      headWidth,
      time,
      causal,
      scale,
    );
  }
}

/** δ_i = dOut_i · out_i. */
function headDeltas(
  dOut: usize,
  out: usize,
  delta: usize,
  headWidth: u32,
  time: u32,
  width: usize,
): void {
  const bytes = bytesOf(headWidth);
  for (let i: u32 = 0; i < time; i++, dOut += width, out += width, delta += 4) {
    let sum = zero();
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      sum = madd(loadUntil(dOut + bytes, dOut + at), loadUntil(out + bytes, out + at), sum);
    }
    store<f32>(delta, sumLanes(sum));
  }
}

/** Packs keys and values once per tile of keys, for all tiles of queries that see it. */
function backwardHead(
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
  const most = keysThatFit(headWidth, 5), row: usize = 3 * width, packed = scratch(PACKED_B);
  const room = bytesOf(max(most, TILE_QUERIES) * headWidth);
  for (let key: u32 = 0; key < time; key += most) {
    const tile = min(most, time - key), k = qkv + width + <usize>key * row;
    packB<f32>(packed, k, tile, headWidth, row, 4);
    packB<f32>(packed + room, k + width, tile, headWidth, row, 4);
    packB<f32>(packed + 2 * room, k, headWidth, tile, 4, row);
    const first = causal ? key / TILE_QUERIES * TILE_QUERIES : 0;
    for (let query = first; query < time; query += TILE_QUERIES) {
      const rows = min(TILE_QUERIES, time - query), at = bytesOf(query);
      const last = causal ? query + rows : time;
      const q = <usize>query * row, d = dOut + <usize>query * width;
      const keys = min(tile, last - key), dKey = dQkv + width + <usize>key * row;
      const visible: i32 = causal ? <i32>(query + 1 - key) : <i32>keys;
      scoresOfTile(rows, keys, headWidth, qkv + q, d, row, width, packed, room, scale);
      const maskAt = mask ? mask + bytesOf(key) : 0;
      gradientTile(rows, keys, visible, causal, maskAt, logSumExp + at, delta + at, scale);
      const dq = dQkv + q;
      productsOfTile(rows, keys, headWidth, qkv + q, d, row, width, packed, room, tile, dq, dKey);
    }
  }
}

/** q kᵀ and dOut vᵀ. */
function scoresOfTile(
  rows: u32,
  keys: u32,
  headWidth: u32,
  q: usize,
  dOut: usize,
  row: usize,
  width: usize,
  packed: usize,
  room: usize,
  scale: f32,
): void {
  const depth = headWidth, p = scratch(SCORES), dp = scratch(GRADIENTS);
  gemmPacked(rows, keys, depth, q, row, 4, packed, depth, p, TILE_ROW, scale, 0, 0);
  gemmPacked(rows, keys, depth, dOut, width, 4, packed + room, depth, dp, TILE_ROW, 1, 0, 0);
}

/** dq += ds k, dk += dsᵀ q and dv += pᵀ dOut. */
function productsOfTile(
  rows: u32,
  keys: u32,
  headWidth: u32,
  q: usize,
  dOut: usize,
  row: usize,
  width: usize,
  packed: usize,
  room: usize,
  tile: u32,
  dQuery: usize,
  dKey: usize,
): void {
  const p = scratch(SCORES), ds = scratch(GRADIENTS);
  const packedQ = packed + 3 * room, packedD = packed + 4 * room;
  packB<f32>(packedQ, q, headWidth, rows, 4, row);
  packB<f32>(packedD, dOut, headWidth, rows, 4, width);
  gemmPacked(rows, headWidth, keys, ds, TILE_ROW, 4, packed + 2 * room, tile, dQuery, row, 1, 0, 1);
  gemmPacked(keys, headWidth, rows, ds, 4, TILE_ROW, packedQ, rows, dKey, row, 1, 0, 1);
  gemmPacked(keys, headWidth, rows, p, 4, TILE_ROW, packedD, rows, dKey + width, row, 1, 0, 1);
}

/**
 * Scores become p = e^(score - lse), their gradients scale · p · (dp - δ). With `causal`, row i sees
 * `visible` + i keys, otherwise `visible`.
 */
function gradientTile(
  rows: u32,
  keys: u32,
  visible: i32,
  causal: u32,
  mask: usize,
  logSumExp: usize,
  delta: usize,
  scale: f32,
): void {
  for (let i: u32 = 0; i < rows; i++) {
    const p = scratch(SCORES) + <usize>i * TILE_ROW, dp = scratch(GRADIENTS) + <usize>i * TILE_ROW;
    const seen = <u32>max(0, min(<i32>keys, causal ? visible + <i32>i : visible));
    if (mask) maskRow(p, mask, keys);
    expRange(p, p, seen, load<f32>(logSumExp + bytesOf(i)));
    gradientRow(p, dp, seen, splat(scale), v128.load32_splat(delta + bytesOf(i)));
    clearTail(p, seen, keys);
    clearTail(dp, seen, keys);
  }
}

/** p is 0 beyond the last visible key, so the result is 0 there too. */
function gradientRow(p: usize, dp: usize, seen: u32, scale: v128, delta: v128): void {
  for (let at: usize = 0; at < bytesOf(seen); at += VECTOR) {
    const share = f32x4.mul(scale, v128.load(p + at));
    v128.store(dp + at, f32x4.mul(share, f32x4.sub(v128.load(dp + at), delta)));
  }
}
