/** attention_backward. */

import { gemm } from "../matmul/gemm.as";
import { exp4 } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { madd, splat, sumLanes, VECTOR, zero } from "../simd/vector.as";
import { loadMasked } from "../simd/sums.as";
import { maskRow } from "./softmax.as";
import { GRADIENTS, SCORES, TILE_KEYS, TILE_QUERIES } from "./tiles.as";

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
  const width: usize = <usize>(heads * headWidth) << 2;
  for (let unit = begin; unit < end; unit++) {
    const b = unit / heads, column: usize = <usize>((unit % heads) * headWidth) << 2;
    const rows: usize = b * time * width, statistics: usize = <usize>(unit * time) << 2;
    const outAt = rows + column, at = 3 * rows + column;
    headDeltas(dOut + outAt, out + outAt, delta + statistics, headWidth, time, width);
    clearHead(dQkv + at, headWidth, time, width);
    const maskAt = hasMask ? mask + (<usize>(b * time) << 2) : 0;
    for (let query: u32 = 0; query < time; query += TILE_QUERIES) {
      const count = min(TILE_QUERIES, time - query), seen = causal ? query + count : time;
      for (let key: u32 = 0; key < seen; key += TILE_KEYS) {
        backwardTile(
          qkv + at,
          maskAt,
          logSumExp + statistics,
          dOut + outAt,
          delta + statistics,
          dQkv + at,
          width,
          headWidth,
          query,
          count,
          key,
          min(TILE_KEYS, seen - key),
          causal,
          scale,
        );
      }
    }
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
  const bytes: usize = <usize>headWidth << 2;
  for (let i: u32 = 0; i < time; i++, dOut += width, out += width, delta += 4) {
    let sum = zero();
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      sum = madd(loadMasked(dOut + at, dOut + bytes), loadMasked(out + at, out + bytes), sum);
    }
    store<f32>(delta, sumLanes(sum));
  }
}

function clearHead(dQkv: usize, headWidth: u32, time: u32, width: usize): void {
  for (let row: u32 = 0; row < 3 * time; row++, dQkv += width) {
    memory.fill(dQkv, 0, <usize>headWidth << 2);
  }
}

/** What a tile of queries and a tile of keys give to dq, dk and dv: five products. */
function backwardTile(
  qkv: usize,
  mask: usize,
  logSumExp: usize,
  dOut: usize,
  delta: usize,
  dQkv: usize,
  width: usize,
  headWidth: u32,
  query: u32,
  count: u32,
  key: u32,
  keys: u32,
  causal: u32,
  scale: f32,
): void {
  const stride: usize = TILE_KEYS << 2, row: usize = 3 * width;
  const p = scratch(SCORES), dp = scratch(GRADIENTS);
  const q: usize = query * row, k: usize = key * row + width, v = k + width;
  dOut += query * width;
  gemm(count, keys, headWidth, qkv + q, row, 4, qkv + k, row, 4, p, stride, scale, 0, 0);
  gemm(count, keys, headWidth, dOut, width, 4, qkv + v, row, 4, dp, stride, 1, 0, 0);
  for (let i: u32 = 0; i < count; i++) {
    const at: usize = <usize>(query + i) << 2, line = p + i * stride;
    const past = query + i + 1;
    const visible = causal ? (past > key ? min(keys, past - key) : 0) : keys;
    if (mask) maskRow(line, mask + (<usize>key << 2), keys);
    gradientRow(
      line,
      dp + i * stride,
      visible,
      keys,
      splat(load<f32>(logSumExp + at)),
      splat(load<f32>(delta + at)),
      splat(scale),
    );
  }
  gemm(count, headWidth, keys, dp, stride, 4, qkv + k, 4, row, dQkv + q, row, 1, 0, 1);
  gemm(keys, headWidth, count, dp, 4, stride, qkv + q, 4, row, dQkv + k, row, 1, 0, 1);
  gemm(keys, headWidth, count, p, 4, stride, dOut, 4, width, dQkv + v, row, 1, 0, 1);
}

/** Scores become p = e^(score - lse), dp becomes scale · p · (dp - δ); both 0 past `visible`. */
function gradientRow(
  scores: usize,
  dp: usize,
  visible: u32,
  keys: u32,
  lse: v128,
  delta: v128,
  scale: v128,
): void {
  for (let i: u32 = 0; i < keys; i += 4) {
    const at: usize = <usize>i << 2;
    const seen = i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(<i32>visible - <i32>i));
    const p = v128.and(exp4(f32x4.sub(v128.load(scores + at), lse)), seen);
    const ds = f32x4.mul(f32x4.mul(scale, p), f32x4.sub(v128.load(dp + at), delta));
    v128.store(scores + at, p);
    v128.store(dp + at, v128.and(ds, seen));
  }
}
