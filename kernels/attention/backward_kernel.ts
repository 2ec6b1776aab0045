/** The gradient of self-attention without stored probabilities. @module */

import {
  areFours,
  ceilDivide,
  defineKernel,
  f32,
  inSubgroups,
  type Kernel,
  u32,
} from "../kernel.ts";
import { chunksOf, dot, sequenceRows, tiles } from "./shared.ts";
import backwardSubgroupCode from "./backward_subgroup.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

const backwardScalars = {
  batch: "u32",
  heads: "u32",
  headWidth: "u32",
  time: "u32",
  scale: "f32",
  causal: "u32",
  hasMask: "u32",
  packedRows: "u32",
} as const;

/**
 * Gradient of self-attention on a fused buffer whose rows are [q | k | v], each heads · headWidth wide.
 *
 * With p_ij recomputed from logSumExp, δ_i = dOut_i · out_i and ds_ij = p_ij (dOut_i · v_j - δ_i):
 * dq_i = scale Σ_j ds_ij k_j, dk_j = scale Σ_i ds_ij q_i, dv_j = Σ_i p_ij dOut_i. `delta`
 * (batch · heads · time) is scratch. Nothing of size time x time is stored.
 *
 * With packedRows > 0, sequences of different lengths follow one another as in attentionForward, and time is the
 * length of the longest.
 */
export const attentionBackward: Kernel<
  "qkv" | "mask" | "starts" | "out" | "logSumExp" | "dOut" | "delta" | "dQkv",
  "batch" | "heads" | "headWidth" | "time" | "scale" | "causal" | "hasMask" | "packedRows"
> = defineKernel({
  name: "attention_backward",
  bindings: {
    qkv: f32.read,
    mask: u32.read,
    starts: u32.read,
    out: f32.read,
    logSumExp: f32.read,
    dOut: f32.read,
    delta: f32.write,
    dQkv: f32.write,
  },
  scalars: backwardScalars,
  elements: (s) => {
    const rows = tokensOf(s), out = rows * s.heads * s.headWidth;
    return {
      qkv: 3 * out,
      mask: s.hasMask ? rows : 0,
      starts: s.packedRows ? s.batch + 1 : 0,
      out,
      logSumExp: rows * s.heads,
      dOut: out,
      delta: rows * s.heads,
      dQkv: 3 * out,
    };
  },
  flops: (s) => 5 * tokensOf(s) * s.heads * (s.time + (s.causal ? 1 : s.time)) * s.headWidth,
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
  reference({ qkv, mask, starts, out, logSumExp, dOut, delta, dQkv }, s) {
    const width = s.heads * s.headWidth, { time } = s;
    for (let bh = 0; bh < s.batch * s.heads; bh++) {
      const h = bh % s.heads, b = (bh - h) / s.heads;
      const equal = { queries: time, keys: time, kvRows: time };
      const rows = sequenceRows(b, s.packedRows ? starts : undefined, equal);
      const unit = (i: number) => rows.query * s.heads + h * rows.queries + i;
      const at = (i: number, part: number) =>
        (rows.query + i) * 3 * width + part * width + h * s.headWidth;
      const outAt = (i: number) => (rows.query + i) * width + h * s.headWidth;
      for (let i = 0; i < rows.queries; i++) {
        for (let part = 0; part < 3; part++) {
          for (let d = 0; d < s.headWidth; d++) dQkv[at(i, part) + d] = 0;
        }
        delta[unit(i)] = dot(dOut, outAt(i), out, outAt(i), s.headWidth);
      }
      for (let i = 0; i < rows.queries; i++) {
        for (let j = 0; j < rows.keys; j++) {
          if ((s.causal && j > i) || (s.hasMask && mask[b * time + j] === 0)) continue;
          const score = s.scale * dot(qkv, at(i, 0), qkv, at(j, 1), s.headWidth);
          const p = Math.exp(score - logSumExp[unit(i)]);
          const dp = dot(dOut, outAt(i), qkv, at(j, 2), s.headWidth);
          const ds = s.scale * p * (dp - delta[unit(i)]);
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

/** Rows of all sequences together. */
function tokensOf(s: { batch: number; time: number; packedRows: number }): number {
  return s.packedRows || s.batch * s.time;
}
