/**
 * Error bounds of attention.
 *
 * A score errs by γ(d + 2) scale |q|·|k|; a probability, relatively, by its score's and its log-sum-exp's
 * errors and the exponential's; sums over keys or queries add their γ. To first order, then doubled once
 * for all that is quadratic.
 *
 * @module
 */

import type { Numbers } from "../../../kernels/kernel.ts";
import { each, expError, gamma, logError, tiny, u } from "../error_model.ts";
import type { Bound, Buffers, Values } from "../kernel_case.ts";

/** Σ xᵢ yᵢ and Σ |xᵢ yᵢ|. */
function dot(x: Numbers, xAt: number, y: Numbers, yAt: number, length: number): [number, number] {
  let sum = 0, absolute = 0;
  for (let d = 0; d < length; d++) {
    sum += x[xAt + d] * y[yAt + d];
    absolute += Math.abs(x[xAt + d] * y[yAt + d]);
  }
  return [sum, absolute];
}

/** The score of a pair and its error. */
function scoreOf(q: Numbers, qAt: number, k: Numbers, kAt: number, s: Values): [number, number] {
  const [sum, absolute] = dot(q, qAt, k, kAt, s.headWidth);
  return [s.scale * sum, gamma(s.headWidth + 2) * s.scale * absolute];
}

/** Bounds of `out` and `logSumExp`. `q`, `k`, `v` must be given in `before`, shared or not. */
export const forwardBound: Bound = (before, after, s) => {
  const out = new Float64Array(after.out.length),
    logSumExp = new Float64Array(after.logSumExp.length);
  for (let unit = 0; unit < logSumExp.length; unit++) {
    boundQuery(before, after, s, unit, out, logSumExp);
  }
  return { out, logSumExp };
};

function boundQuery(
  { q, k, v, mask }: Buffers,
  after: Buffers,
  s: Values,
  unit: number,
  out: Float64Array,
  logSumExp: Float64Array,
): void {
  const i = unit % s.queries, bh = (unit - i) / s.queries, h = bh % s.heads, b = (bh - h) / s.heads;
  const lse = after.logSumExp[unit], head = h * s.headWidth;
  const kvHead = Math.floor(h * s.kvHeads / s.heads) * s.headWidth;
  const qAt = (b * s.queries + i) * s.qStride + s.qOffset + head;
  const keys = [...Array(s.keys).keys()].filter((j) =>
    (!s.causal || j <= s.past + i) && (!s.hasMask || mask[b * s.keys + j] !== 0)
  );
  const row = (j: number) => b * s.kvRows + j;
  const kAt = (j: number) => row(j) * s.kStride + s.kOffset + kvHead;
  const vAt = (j: number) => row(j) * s.vStride + s.vOffset + kvHead;
  const pairs = keys.map((j) => scoreOf(q, qAt, k, kAt(j), s));
  const largest = Math.max(...pairs.map(([score]) => score));
  const errors = pairs.map(([score, error]) =>
    expError(largest - score, 2 * error + u * Math.abs(score))
  );
  const share = pairs.map(([score]) => Math.exp(score - lse));
  const total = errors.reduce((sum, error, at) => sum + share[at] * error, gamma(s.keys + 2));
  logSumExp[unit] = keys.length ? 2 * total + logError(lse - largest) + u * Math.abs(lse) : 0;
  for (let d = 0; d < s.headWidth; d++) {
    const weighted = keys.map((j, at) => share[at] * Math.abs(v[vAt(j) + d]));
    const error = weighted.reduce(
      (sum, w, at) => sum + w * (errors[at] + total + gamma(s.keys + 4)),
      0,
    );
    out[(b * s.queries + i) * s.heads * s.headWidth + head + d] = 2 * error + tiny;
  }
}

/** Bounds of `delta` and `dQkv`. */
export const backwardBound: Bound = (before, after, s) => {
  const dQkv = new Float64Array(after.dQkv.length), width = s.heads * s.headWidth;
  const delta = each(after.delta.length, (unit) => {
    const i = unit % s.time, bh = (unit - i) / s.time, h = bh % s.heads, b = (bh - h) / s.heads;
    const at = (b * s.time + i) * width + h * s.headWidth;
    return gamma(s.headWidth) * dot(before.dOut, at, before.out, at, s.headWidth)[1];
  });
  for (let bh = 0; bh < s.batch * s.heads; bh++) boundHead(before, after, s, bh, delta, dQkv);
  return { delta, dQkv: dQkv.map((error) => 2 * error + tiny) };
};

function boundHead(
  { qkv, mask, logSumExp, dOut }: Buffers,
  after: Buffers,
  s: Values,
  bh: number,
  deltaError: Float64Array,
  dQkv: Float64Array,
): void {
  const h = bh % s.heads, b = (bh - h) / s.heads, width = s.heads * s.headWidth;
  const at = (i: number, part: number) =>
    (b * s.time + i) * 3 * width + part * width + h * s.headWidth;
  for (let i = 0; i < s.time; i++) {
    const unit = bh * s.time + i, outAt = (b * s.time + i) * width + h * s.headWidth;
    for (let j = 0; j < s.time; j++) {
      if ((s.causal && j > i) || (s.hasMask && mask[b * s.time + j] === 0)) continue;
      const [score, scoreError] = scoreOf(qkv, at(i, 0), qkv, at(j, 1), s);
      const x = score - logSumExp[unit], p = Math.exp(x);
      const pError = p * expError(x, scoreError + u * Math.abs(x));
      const [dp, dpSize] = dot(dOut, outAt, qkv, at(j, 2), s.headWidth);
      const gap = Math.abs(dp) + Math.abs(after.delta[unit]);
      const ds = s.scale * p * Math.abs(dp - after.delta[unit]);
      const inner = gamma(s.headWidth) * dpSize + deltaError[unit] + gamma(3) * gap;
      const sum = gamma(s.time + 2);
      const dsError = s.scale * (pError * gap + p * inner) + sum * ds;
      for (let d = 0; d < s.headWidth; d++) {
        dQkv[at(i, 0) + d] += dsError * Math.abs(qkv[at(j, 1) + d]);
        dQkv[at(j, 1) + d] += dsError * Math.abs(qkv[at(i, 0) + d]);
        dQkv[at(j, 2) + d] += (pError + sum * p) * Math.abs(dOut[outAt + d]);
      }
    }
  }
}
