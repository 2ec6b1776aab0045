/** The divergence of a student's distribution from a teacher's, both given as logits. @module */

import { logSumExpOf } from "../../src/core/numbers.ts";
import { defineKernel, f32, type Kernel } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

/**
 * losses[i] = scale · Σ_j p_ij · (log p_ij - log q_ij) with p = softmax(teacher), q = softmax(logits),
 * which is Σ_j p_ij · (teacher_ij - logits_ij) + lse_i - teacherLse_i. Also writes both lse for the
 * backward pass.
 */
export const klDivergenceForward: Kernel<
  "logits" | "teacher" | "losses" | "logSumExp" | "teacherLogSumExp",
  "rows" | "vocabulary" | "scale"
> = defineKernel({
  name: "kl_divergence_forward",
  bindings: {
    logits: f32.read,
    teacher: f32.read,
    losses: f32.write,
    logSumExp: f32.write,
    teacherLogSumExp: f32.write,
  },
  scalars: { rows: "u32", vocabulary: "u32", scale: "f32" },
  elements: ({ rows, vocabulary }) => ({
    logits: rows * vocabulary,
    teacher: rows * vocabulary,
    losses: rows,
    logSumExp: rows,
    teacherLogSumExp: rows,
  }),
  wgsl: { code: forwardCode, workgroups: ({ rows }) => rows },
  cpu: { units: ({ rows }) => rows, grain: () => 4 },
  reference(buffers, { rows, vocabulary, scale }) {
    const { logits, teacher, losses, logSumExp, teacherLogSumExp } = buffers;
    for (let row = 0; row < rows; row++) {
      const at = row * vocabulary;
      logSumExp[row] = logSumExpOf(logits, at, vocabulary);
      teacherLogSumExp[row] = logSumExpOf(teacher, at, vocabulary);
      let gap = 0;
      for (let j = at; j < at + vocabulary; j++) {
        gap += Math.exp(teacher[j] - teacherLogSumExp[row]) * (teacher[j] - logits[j]);
      }
      losses[row] = scale * (gap + logSumExp[row] - teacherLogSumExp[row]);
    }
  },
});

/**
 * dLogits[i, j] = dLoss[0] · scale · (q_ij - p_ij); added with `accumulate`. The teacher gets no
 * gradient.
 */
export const klDivergenceBackward: Kernel<
  "logits" | "teacher" | "logSumExp" | "teacherLogSumExp" | "dLoss" | "dLogits",
  "rows" | "vocabulary" | "scale" | "accumulate"
> = defineKernel({
  name: "kl_divergence_backward",
  bindings: {
    logits: f32.read,
    teacher: f32.read,
    logSumExp: f32.read,
    teacherLogSumExp: f32.read,
    dLoss: f32.read,
    dLogits: f32.update,
  },
  scalars: { rows: "u32", vocabulary: "u32", scale: "f32", accumulate: "u32" },
  elements: ({ rows, vocabulary }) => ({
    logits: rows * vocabulary,
    teacher: rows * vocabulary,
    logSumExp: rows,
    teacherLogSumExp: rows,
    dLoss: 1,
    dLogits: rows * vocabulary,
  }),
  wgsl: { code: backwardCode, workgroups: ({ rows }) => rows },
  cpu: { units: ({ rows }) => rows, grain: () => 4 },
  reference({ logits, teacher, logSumExp, teacherLogSumExp, dLoss, dLogits }, s) {
    const factor = dLoss[0] * s.scale;
    for (let row = 0; row < s.rows; row++) {
      for (let at = row * s.vocabulary; at < (row + 1) * s.vocabulary; at++) {
        const q = Math.exp(logits[at] - logSumExp[row]);
        const p = Math.exp(teacher[at] - teacherLogSumExp[row]);
        dLogits[at] = (s.accumulate ? dLogits[at] : 0) + factor * (q - p);
      }
    }
  },
});
