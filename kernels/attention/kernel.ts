/** Scaled dot-product attention without stored probabilities, forward and backward. @module */

import {
  areFours,
  ceilDivide,
  defineKernel,
  elementsOf,
  f32,
  inSubgroups,
  type Kernel,
  type Numbers,
  u32,
} from "../kernel.ts";
import forwardSubgroupCode from "./forward_subgroup.wgsl" with { type: "text" };
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardSubgroupCode from "./backward_subgroup.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

const forwardScalars = {
  batch: "u32",
  heads: "u32",
  kvHeads: "u32",
  headWidth: "u32",
  queries: "u32",
  keys: "u32",
  past: "u32",
  qStride: "u32",
  qOffset: "u32",
  kStride: "u32",
  kOffset: "u32",
  vStride: "u32",
  vOffset: "u32",
  kvRows: "u32",
  scale: "f32",
  causal: "u32",
  hasMask: "u32",
} as const;

/**
 * out[b, i, h] = Σ_j p_ij v[b, j, h] with p_ij = softmax_j(scale · q[b, i, h] · k[b, j, h]).
 *
 * Query i may see key j when j <= past + i (or not `causal`) and mask[b, j] ≠ 0 (or not `hasMask`); the
 * output of a query that sees none is 0. k and v have kvHeads heads, a divisor of heads, and head h reads
 * their head ⌊h · kvHeads / heads⌋ (Ainslie et al. 2023).
 *
 * Row i of batch b of q starts at (b · queries + i) · qStride + qOffset, row j of k at (b · kvRows + j) ·
 * kStride + kOffset, likewise v; each head of any of them is headWidth elements. So q, k and v may be
 * columns of one fused buffer, bound three times, or separate buffers, and k and v may be a cache with
 * room for kvRows tokens. out is (batch · queries) x (heads · headWidth); logSumExp, (batch · heads ·
 * queries), is kept for the backward pass; mask is batch x keys.
 */
export const attentionForward: Kernel<
  "q" | "k" | "v" | "mask" | "out" | "logSumExp",
  | "batch"
  | "heads"
  | "kvHeads"
  | "headWidth"
  | "queries"
  | "keys"
  | "past"
  | "qStride"
  | "qOffset"
  | "kStride"
  | "kOffset"
  | "vStride"
  | "vOffset"
  | "kvRows"
  | "scale"
  | "causal"
  | "hasMask"
> = defineKernel({
  name: "attention_forward",
  bindings: {
    q: f32.read,
    k: f32.read,
    v: f32.read,
    mask: u32.read,
    out: f32.write,
    logSumExp: f32.write,
  },
  scalars: forwardScalars,
  elements: (s) => {
    const width = s.heads * s.headWidth, kvWidth = s.kvHeads * s.headWidth;
    const rows = s.keys > 0 ? (s.batch - 1) * s.kvRows + s.keys : 0;
    return {
      q: elementsOf(s.batch * s.queries, width, s.qStride, s.qOffset),
      k: elementsOf(rows, kvWidth, s.kStride, s.kOffset),
      v: elementsOf(rows, kvWidth, s.vStride, s.vOffset),
      mask: s.hasMask ? s.batch * s.keys : 0,
      out: s.batch * s.queries * width,
      logSumExp: s.batch * s.heads * s.queries,
    };
  },
  flops: ({ batch, heads, queries, keys, causal, headWidth }) =>
    4 * batch * heads * (queries * keys - (causal ? queries * (queries - 1) / 2 : 0)) * headWidth,
  wgsl: {
    code: forwardCode,
    constants: ({ headWidth }) => ({ chunks: chunksOf(headWidth) }),
    workgroups: (s) => s.batch * s.heads * ceilDivide(s.queries, 32),
    variant: inSubgroups({
      code: forwardSubgroupCode,
      constants: ({ headWidth, ...s }) => {
        const starts = [s.qOffset, s.qStride, s.kOffset, s.kStride, s.vOffset, s.vStride];
        return { aligned: areFours(headWidth, ...starts) };
      },
      workgroups: (s) => s.batch * s.heads * tiles(s, s.queries),
    }),
  },
  cpu: { units: (s) => s.batch * s.heads, grain: () => 1 },
  reference({ q, k, v, mask, out, logSumExp }, s) {
    const width = s.heads * s.headWidth;
    for (let unit = 0; unit < s.batch * s.heads * s.queries; unit++) {
      const i = unit % s.queries, bh = (unit - i) / s.queries;
      const h = bh % s.heads, b = (bh - h) / s.heads;
      const kvColumn = Math.floor(h * s.kvHeads / s.heads) * s.headWidth;
      const qAt = (b * s.queries + i) * s.qStride + s.qOffset + h * s.headWidth;
      const kAt = (j: number) => (b * s.kvRows + j) * s.kStride + s.kOffset + kvColumn;
      const vAt = (j: number) => (b * s.kvRows + j) * s.vStride + s.vOffset + kvColumn;
      const sees = (j: number) =>
        (!s.causal || j <= s.past + i) && (!s.hasMask || mask[b * s.keys + j] !== 0);
      const score = (j: number) => s.scale * dot(q, qAt, k, kAt(j), s.headWidth);
      const keys = [...Array(s.keys).keys()].filter(sees), scores = keys.map(score);
      const lse = logSumExp[unit] = logSumExpOf(scores), p = scores.map((x) => Math.exp(x - lse));
      for (let d = 0; d < s.headWidth; d++) {
        const sum = keys.reduce((total, j, at) => total + p[at] * v[vAt(j) + d], 0);
        out[(b * s.queries + i) * width + h * s.headWidth + d] = sum;
      }
    }
  },
});

const backwardScalars = {
  batch: "u32",
  heads: "u32",
  headWidth: "u32",
  time: "u32",
  scale: "f32",
  causal: "u32",
  hasMask: "u32",
} as const;

/**
 * Gradient of self-attention on a fused buffer whose rows are [q | k | v], each heads · headWidth wide.
 *
 * With p_ij recomputed from logSumExp, δ_i = dOut_i · out_i and ds_ij = p_ij (dOut_i · v_j - δ_i):
 * dq_i = scale Σ_j ds_ij k_j, dk_j = scale Σ_i ds_ij q_i, dv_j = Σ_i p_ij dOut_i. `delta`
 * (batch · heads · time) is scratch. Nothing of size time x time is stored.
 */
export const attentionBackward: Kernel<
  "qkv" | "mask" | "out" | "logSumExp" | "dOut" | "delta" | "dQkv",
  "batch" | "heads" | "headWidth" | "time" | "scale" | "causal" | "hasMask"
> = defineKernel({
  name: "attention_backward",
  bindings: {
    qkv: f32.read,
    mask: u32.read,
    out: f32.read,
    logSumExp: f32.read,
    dOut: f32.read,
    delta: f32.write,
    dQkv: f32.write,
  },
  scalars: backwardScalars,
  elements: ({ batch, heads, headWidth, time, hasMask }) => {
    const out = batch * time * heads * headWidth, rows = batch * heads * time;
    return {
      qkv: 3 * out,
      mask: hasMask ? batch * time : 0,
      out,
      logSumExp: rows,
      dOut: out,
      delta: rows,
      dQkv: 3 * out,
    };
  },
  flops: (s) => 5 * s.batch * s.heads * s.time * (s.time + (s.causal ? 1 : s.time)) * s.headWidth,
  wgsl: {
    code: backwardCode,
    constants: ({ headWidth }) => ({ chunks: chunksOf(headWidth) }),
    workgroups: (s) => 2 * s.batch * s.heads * ceilDivide(s.time, 32),
    variant: inSubgroups({
      code: backwardSubgroupCode,
      constants: ({ headWidth }) => ({ aligned: areFours(headWidth) }),
      workgroups: (s) => 2 * s.batch * s.heads * tiles(s, s.time),
    }),
  },
  cpu: { units: (s) => s.batch * s.heads, grain: () => 1 },
  reference({ qkv, mask, out, logSumExp, dOut, delta, dQkv }, s) {
    const width = s.heads * s.headWidth;
    for (let bh = 0; bh < s.batch * s.heads; bh++) {
      const h = bh % s.heads, b = (bh - h) / s.heads;
      const at = (i: number, part: number) =>
        (b * s.time + i) * 3 * width + part * width + h * s.headWidth;
      const outAt = (i: number) => (b * s.time + i) * width + h * s.headWidth;
      for (let i = 0; i < s.time; i++) {
        for (let part = 0; part < 3; part++) {
          for (let d = 0; d < s.headWidth; d++) dQkv[at(i, part) + d] = 0;
        }
        delta[bh * s.time + i] = dot(dOut, outAt(i), out, outAt(i), s.headWidth);
      }
      for (let i = 0; i < s.time; i++) {
        for (let j = 0; j < s.time; j++) {
          if ((s.causal && j > i) || (s.hasMask && mask[b * s.time + j] === 0)) continue;
          const score = s.scale * dot(qkv, at(i, 0), qkv, at(j, 1), s.headWidth);
          const p = Math.exp(score - logSumExp[bh * s.time + i]);
          const dp = dot(dOut, outAt(i), qkv, at(j, 2), s.headWidth);
          const ds = s.scale * p * (dp - delta[bh * s.time + i]);
          for (let d = 0; d < s.headWidth; d++) {
            dQkv[at(i, 0) + d] += ds * qkv[at(j, 1) + d];
            dQkv[at(j, 1) + d] += ds * qkv[at(i, 0) + d];
            dQkv[at(j, 2) + d] += p * dOut[outAt(i) + d];
          }
        }
      }
    }
  },
});

/** The widest head that fits the registers of the WGSL kernels. */
const widestHead = 128;

/** Chunks of 32 columns that hold a head's sums. */
function chunksOf(headWidth: number): number {
  if (headWidth <= widestHead) return ceilDivide(headWidth, 32);
  throw new RangeError(
    `attention on webgpu takes heads of at most ${widestHead} columns, found ${headWidth}`,
  );
}

/** Tiles of 8 rows by 32 columns that cover a head. */
function tiles({ headWidth }: { headWidth: number }, rows: number): number {
  return ceilDivide(rows, 8) * ceilDivide(headWidth, 32);
}

function dot(x: Numbers, xAt: number, y: Numbers, yAt: number, length: number): number {
  let sum = 0;
  for (let d = 0; d < length; d++) sum += x[xAt + d] * y[yAt + d];
  return sum;
}

/** log Σ exp score over the keys that are seen; 0 if there are none (it is then never used). */
function logSumExpOf(scores: readonly number[]): number {
  const largest = Math.max(...scores);
  const sum = scores.reduce((total, score) => total + Math.exp(score - largest), 0);
  return sum > 0 ? largest + Math.log(sum) : 0;
}
