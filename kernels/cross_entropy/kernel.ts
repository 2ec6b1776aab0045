/** Cross-entropy of logits against labels, with ignored labels and label smoothing. @module */

import { logSumExpOf } from "../../src/core/numbers.ts";
import { ceilDivide, defineKernel, f32, i32, type Kernel } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

/** Threads per row on WebGPU: few, since combining their shares costs more than a short row itself. */
function threadsFor(vocabulary: number): number {
  return vocabulary > 4096 ? 64 : 8;
}

/**
 * losses[i] = scale · (lse_i - (1 - smoothing) · logits[i, label_i] - smoothing · mean(logits[i, :])),
 * 0 if the label is negative (ignored). Also writes lse_i = log Σ exp logits[i, :] for the backward
 * pass. With smoothing this is PyTorch's `cross_entropy(label_smoothing)`.
 */
export const crossEntropyForward: Kernel<
  "logits" | "labels" | "losses" | "logSumExp",
  "rows" | "vocabulary" | "smoothing" | "scale"
> = defineKernel({
  name: "cross_entropy_forward",
  bindings: { logits: f32.read, labels: i32.read, losses: f32.write, logSumExp: f32.write },
  scalars: { rows: "u32", vocabulary: "u32", smoothing: "f32", scale: "f32" },
  elements: ({ rows, vocabulary }) => ({
    logits: rows * vocabulary,
    labels: rows,
    losses: rows,
    logSumExp: rows,
  }),
  wgsl: {
    code: forwardCode,
    constants: ({ vocabulary }) => ({ threads: threadsFor(vocabulary) }),
    workgroups: ({ rows, vocabulary }) => ceilDivide(rows, 64 / threadsFor(vocabulary)),
  },
  cpu: { units: ({ rows }) => rows, grain: () => 4 },
  reference({ logits, labels, losses, logSumExp }, { rows, vocabulary, smoothing, scale }) {
    for (let row = 0; row < rows; row++) {
      const at = row * vocabulary;
      let total = 0;
      for (let j = 0; j < vocabulary; j++) total += logits[at + j];
      const lse = logSumExpOf(logits, at, vocabulary), label = labels[row];
      logSumExp[row] = lse;
      losses[row] = label < 0 ? 0 : scale *
        (lse - (1 - smoothing) * logits[at + label] - smoothing * total / vocabulary);
    }
  },
});

/**
 * Writes the gradient over the logits, which as a vocabulary's are the largest values of a step:
 * logits[i, j] = dLoss[0] · scale · (exp(logits[i, j] - lse_i) - (1 - smoothing) · [j = label_i] -
 * smoothing / vocabulary), 0 in ignored rows.
 */
export const crossEntropyBackward: Kernel<
  "labels" | "logSumExp" | "dLoss" | "logits",
  "rows" | "vocabulary" | "smoothing" | "scale"
> = defineKernel({
  name: "cross_entropy_backward",
  bindings: { labels: i32.read, logSumExp: f32.read, dLoss: f32.read, logits: f32.update },
  scalars: { rows: "u32", vocabulary: "u32", smoothing: "f32", scale: "f32" },
  elements: ({ rows, vocabulary }) => ({
    labels: rows,
    logSumExp: rows,
    dLoss: 1,
    logits: rows * vocabulary,
  }),
  wgsl: {
    code: backwardCode,
    constants: ({ vocabulary }) => ({ threads: threadsFor(vocabulary) }),
    workgroups: ({ rows, vocabulary }) => ceilDivide(rows, 64 / threadsFor(vocabulary)),
  },
  cpu: { units: ({ rows }) => rows, grain: () => 4 },
  reference({ labels, logSumExp, dLoss, logits }, s) {
    for (let row = 0; row < s.rows; row++) {
      const factor = labels[row] < 0 ? 0 : dLoss[0] * s.scale;
      for (let j = 0; j < s.vocabulary; j++) {
        const at = row * s.vocabulary + j;
        const target = (j === labels[row] ? 1 - s.smoothing : 0) + s.smoothing / s.vocabulary;
        logits[at] = 0 + factor * (Math.exp(logits[at] - logSumExp[row]) - target); // never -0
      }
    }
  },
});
