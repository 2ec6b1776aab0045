/** Scaled dot-product attention without stored probabilities. @module */

import {
  areFours,
  ceilDivide,
  defineKernel,
  elementsOf,
  f32,
  inSubgroups,
  type Kernel,
  u32,
} from "../kernel.ts";
import { chunksOf, dot, sequenceRows, tiles } from "./shared.ts";
import forwardSubgroupCode from "./forward_subgroup.wgsl" with { type: "text" };
import forwardCode from "./forward.wgsl" with { type: "text" };

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
  packedRows: "u32",
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
 *
 * With packedRows > 0, sequences of different lengths follow one another, packedRows tokens in all: sequence b
 * is the rows from starts[b] to starts[b + 1] of q, k, v and out. Then queries and keys are the length of the
 * longest, past and hasMask are 0, kvRows is not used, and logSumExp of query i of head h is at
 * starts[b] · heads + h · (starts[b + 1] - starts[b]) + i, which is its place among sequences of one length.
 */
export const attentionForward: Kernel<
  "q" | "k" | "v" | "mask" | "starts" | "out" | "logSumExp",
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
  | "packedRows"
> = defineKernel({
  name: "attention_forward",
  bindings: {
    q: f32.read,
    k: f32.read,
    v: f32.read,
    mask: u32.read,
    starts: u32.read,
    out: f32.write,
    logSumExp: f32.write,
  },
  scalars: forwardScalars,
  elements: (s) => {
    const width = s.heads * s.headWidth, kvWidth = s.kvHeads * s.headWidth;
    const queries = queryRows(s);
    const rows = s.packedRows || (s.keys > 0 ? (s.batch - 1) * s.kvRows + s.keys : 0);
    return {
      q: elementsOf(queries, width, s.qStride, s.qOffset),
      k: elementsOf(rows, kvWidth, s.kStride, s.kOffset),
      v: elementsOf(rows, kvWidth, s.vStride, s.vOffset),
      mask: s.hasMask ? s.batch * s.keys : 0,
      starts: s.packedRows ? s.batch + 1 : 0,
      out: queries * width,
      logSumExp: queries * s.heads,
    };
  },
  flops: (s) =>
    4 * queryRows(s) * s.heads * (s.keys - (s.causal ? (s.queries - 1) / 2 : 0)) * s.headWidth,
  wgsl: {
    code: forwardCode,
    constants: ({ headWidth }) => ({ chunks: chunksOf(headWidth) }),
    workgroups: (s) => s.batch * s.heads * ceilDivide(s.queries, 32),
    variant: inSubgroups({
      code: forwardSubgroupCode,
      constants: ({ headWidth, ...s }) => {
        const places = [s.qOffset, s.qStride, s.kOffset, s.kStride, s.vOffset, s.vStride];
        return { aligned: areFours(headWidth, ...places) };
      },
      workgroups: (s) => s.batch * s.heads * tiles(s, s.queries),
    }),
  },
  cpu: { units: (s) => s.batch * s.heads, grain: () => 1 },
  reference({ q, k, v, mask, starts, out, logSumExp }, s) {
    const width = s.heads * s.headWidth;
    for (let unit = 0; unit < s.batch * s.heads * s.queries; unit++) {
      const bh = Math.floor(unit / s.queries), h = bh % s.heads, b = (bh - h) / s.heads;
      const rows = sequenceRows(b, s.packedRows ? starts : undefined, s), i = unit % s.queries;
      if (i >= rows.queries) continue;
      const kvColumn = Math.floor(h * s.kvHeads / s.heads) * s.headWidth;
      const qAt = (rows.query + i) * s.qStride + s.qOffset + h * s.headWidth;
      const kAt = (j: number) => (rows.key + j) * s.kStride + s.kOffset + kvColumn;
      const vAt = (j: number) => (rows.key + j) * s.vStride + s.vOffset + kvColumn;
      const sees = (j: number) =>
        (!s.causal || j <= s.past + i) && (!s.hasMask || mask[b * s.keys + j] !== 0);
      const score = (j: number) => s.scale * dot(q, qAt, k, kAt(j), s.headWidth);
      const keys = [...Array(rows.keys).keys()].filter(sees), scores = keys.map(score);
      const lse = logSumExpOf(scores), p = scores.map((x) => Math.exp(x - lse));
      logSumExp[rows.query * s.heads + h * rows.queries + i] = lse;
      for (let d = 0; d < s.headWidth; d++) {
        const sum = keys.reduce((total, j, at) => total + p[at] * v[vAt(j) + d], 0);
        out[(rows.query + i) * width + h * s.headWidth + d] = sum;
      }
    }
  },
});

/** Rows of q, all sequences together. */
function queryRows(s: { batch: number; queries: number; packedRows: number }): number {
  return s.packedRows || s.batch * s.queries;
}

/** log Σ exp score over the keys that are seen; 0 if there are none (it is then never used). */
function logSumExpOf(scores: readonly number[]): number {
  const largest = Math.max(...scores);
  const sum = scores.reduce((total, score) => total + Math.exp(score - largest), 0);
  return sum > 0 ? largest + Math.log(sum) : 0;
}
