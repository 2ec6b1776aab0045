/** Softmax of attention's scores, forward and backward. @module */

import { ceilDivide, defineKernel, f32, type Kernel, u32 } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

/**
 * p[b, r, j] = softmax_j(x[b, r, j]) over the keys j with mask[b, j] ≠ 0 (or not `hasMask`); 0 for the
 * others, and for all if there are none. x and p are batch x rows x keys, mask is batch x keys.
 */
export const softmaxForward: Kernel<"x" | "mask" | "p", "batch" | "rows" | "keys" | "hasMask"> =
  defineKernel({
    name: "softmax_forward",
    bindings: { x: f32.read, mask: u32.read, p: f32.write },
    scalars: { batch: "u32", rows: "u32", keys: "u32", hasMask: "u32" },
    elements: ({ batch, rows, keys, hasMask }) => ({
      x: batch * rows * keys,
      mask: hasMask ? batch * keys : 0,
      p: batch * rows * keys,
    }),
    wgsl: { code: forwardCode, workgroups: ({ batch, rows }) => ceilDivide(batch * rows, 8) },
    cpu: { units: ({ batch, rows }) => batch * rows, grain: ({ keys }) => ceilDivide(4096, keys) },
    reference({ x, mask, p }, { batch, rows, keys, hasMask }) {
      for (let row = 0; row < batch * rows; row++) {
        const at = row * keys, maskAt = Math.floor(row / rows) * keys;
        const sees = (j: number) => !hasMask || mask[maskAt + j] !== 0;
        let largest = -Infinity, sum = 0;
        for (let j = 0; j < keys; j++) if (sees(j)) largest = Math.max(largest, x[at + j]);
        for (let j = 0; j < keys; j++) if (sees(j)) sum += Math.exp(x[at + j] - largest);
        for (let j = 0; j < keys; j++) {
          p[at + j] = sees(j) ? Math.exp(x[at + j] - largest) / sum : 0;
        }
      }
    },
  });

/** dx[r, j] = p[r, j] · (dp[r, j] - Σ_i p[r, i] dp[r, i]), added with `accumulate`. */
export const softmaxBackward: Kernel<"p" | "dp" | "dx", "rows" | "keys" | "accumulate"> =
  defineKernel({
    name: "softmax_backward",
    bindings: { p: f32.read, dp: f32.read, dx: f32.update },
    scalars: { rows: "u32", keys: "u32", accumulate: "u32" },
    elements: ({ rows, keys }) => ({ p: rows * keys, dp: rows * keys, dx: rows * keys }),
    wgsl: { code: backwardCode, workgroups: ({ rows }) => ceilDivide(rows, 8) },
    cpu: { units: ({ rows }) => rows, grain: ({ keys }) => ceilDivide(8192, keys) },
    reference({ p, dp, dx }, { rows, keys, accumulate }) {
      for (let row = 0; row < rows; row++) {
        const at = row * keys;
        let mean = 0;
        for (let j = 0; j < keys; j++) mean += p[at + j] * dp[at + j];
        for (let j = 0; j < keys; j++) {
          dx[at + j] = (accumulate ? dx[at + j] : 0) + p[at + j] * (dp[at + j] - mean);
        }
      }
    },
  });
