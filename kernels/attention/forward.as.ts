/** attention_forward. */

import { gemm } from "../matmul/gemm.as";
import { scratch } from "../simd/scratch.as";
import { splat, storePart, VECTOR } from "../simd/vector.as";
import { SCORES, TILE_KEYS, TILE_QUERIES, STATISTICS } from "./tiles.as";
import { maskRow, softmaxRow, scaleRow } from "./softmax.as";
import { log } from "../simd/exponential.as";

export function attention_forward(
  q: usize,
  k: usize,
  v: usize,
  mask: usize,
  out: usize,
  logSumExp: usize,
  _batch: u32,
  heads: u32,
  headWidth: u32,
  queries: u32,
  keys: u32,
  past: u32,
  qStride: u32,
  qOffset: u32,
  kvStride: u32,
  kOffset: u32,
  vOffset: u32,
  kvRows: u32,
  scale: f32,
  causal: u32,
  hasMask: u32,
  begin: u32,
  end: u32,
): void {
  const qBytes: usize = <usize>qStride << 2, kvBytes: usize = <usize>kvStride << 2;
  const outBytes: usize = <usize>(heads * headWidth) << 2;
  for (let unit = begin; unit < end; unit++) {
    const b = unit / heads, head = (unit % heads) * headWidth;
    const rows: usize = b * kvRows * kvBytes;
    const kAt = k + rows + (<usize>(kOffset + head) << 2);
    const vAt = v + rows + (<usize>(vOffset + head) << 2);
    const maskAt = hasMask ? mask + (<usize>(b * keys) << 2) : 0;
    for (let first: u32 = 0; first < queries; first += TILE_QUERIES) {
      const count = min(TILE_QUERIES, queries - first), row = b * queries + first;
      const seen = causal ? min(keys, past + first + count) : keys;
      forwardTile(
        q + row * qBytes + (<usize>(qOffset + head) << 2),
        qBytes,
        kAt,
        vAt,
        kvBytes,
        maskAt,
        out + row * outBytes + (<usize>head << 2),
        outBytes,
        logSumExp + (<usize>(unit * queries + first) << 2),
        headWidth,
        count,
        seen,
        causal ? past + first : seen,
        scale,
      );
    }
  }
}

/**
 * A tile of queries against all keys that it sees, TILE_KEYS at a time: the running maximum and sum of
 * each query rescale what was gathered before. Query i of the tile sees keys up to limit + i.
 */
function forwardTile(
  q: usize,
  qBytes: usize,
  k: usize,
  v: usize,
  kvBytes: usize,
  mask: usize,
  out: usize,
  outBytes: usize,
  logSumExp: usize,
  headWidth: u32,
  count: u32,
  seen: u32,
  limit: u32,
  scale: f32,
): void {
  const stride: usize = TILE_KEYS << 2, scores = scratch(SCORES), statistics = scratch(STATISTICS);
  for (let row: usize = 0; row < count; row++) {
    store<f32>(statistics + row * 8, -Infinity);
    store<f32>(statistics + row * 8, 0, 4);
    clearRow(out + row * outBytes, headWidth);
  }
  for (let first: u32 = 0; first < seen; first += TILE_KEYS) {
    const width = min(TILE_KEYS, seen - first), at: usize = first * kvBytes;
    gemm(count, width, headWidth, q, qBytes, 4, k + at, kvBytes, 4, scores, stride, scale, 0, 0);
    for (let row: u32 = 0; row < count; row++) {
      const line = scores + row * stride;
      const visible = limit + row + 1 > first ? min(width, limit + row + 1 - first) : 0;
      if (mask) maskRow(line, mask + (<usize>first << 2), width);
      const shrink = softmaxRow(line, width, visible, statistics + (<usize>row << 3));
      if (first > 0) scaleRow(out + row * outBytes, headWidth, shrink);
    }
    gemm(count, headWidth, width, scores, stride, 4, v + at, 4, kvBytes, out, outBytes, 1, 0, 1);
  }
  for (let row: usize = 0; row < count; row++) {
    const largest = load<f32>(statistics + row * 8), sum = load<f32>(statistics + row * 8, 4);
    // No key was seen: the output is 0, as is the log-sum-exp, from which no weight is ever drawn.
    const none = sum == 0;
    scaleRow(out + row * outBytes, headWidth, none ? 0 : 1 / sum);
    store<f32>(logSumExp + row * 4, none ? 0 : <f32>(<f64>largest + log(sum)));
  }
}

function clearRow(at: usize, width: u32): void {
  memory.fill(at, 0, <usize>width << 2);
}
