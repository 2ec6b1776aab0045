/** Each token's row beside those of its neighbors, for convolutions, forward and backward. @module */

import { ceilDivide, defineKernel, f32, type Kernel, u32 } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

/**
 * y[b, t, c · taps + o] = x[b, t + o - (taps - 1) / 2, c] for o < taps (an odd number) and c < width; 0 where
 * that token is outside of the sequence or hidden, mask[b, ·] = 0 (unless not `hasMask`). The product of y and
 * a convolution's weight (out, width · taps) is the convolution.
 */
export const unfoldForward: Kernel<
  "x" | "mask" | "y",
  "batch" | "time" | "width" | "taps" | "hasMask"
> = defineKernel({
  name: "unfold_forward",
  bindings: { x: f32.read, mask: u32.read, y: f32.write },
  scalars: { batch: "u32", time: "u32", width: "u32", taps: "u32", hasMask: "u32" },
  elements: ({ batch, time, width, taps, hasMask }) => ({
    x: batch * time * width,
    mask: hasMask ? batch * time : 0,
    y: batch * time * width * taps,
  }),
  wgsl: {
    code: forwardCode,
    workgroups: ({ batch, time, width, taps }) => ceilDivide(batch * time * width * taps, 1024),
  },
  cpu: {
    units: ({ batch, time }) => batch * time,
    grain: ({ width, taps }) => ceilDivide(8192, width * taps),
  },
  reference({ x, mask, y }, { batch, time, width, taps, hasMask }) {
    for (let token = 0; token < batch * time; token++) {
      for (let o = 0; o < taps; o++) {
        const t = token % time + o - (taps - 1) / 2, from = token + o - (taps - 1) / 2;
        const isShown = t >= 0 && t < time && (!hasMask || mask[from] !== 0);
        for (let c = 0; c < width; c++) {
          y[(token * width + c) * taps + o] = isShown ? x[from * width + c] : 0;
        }
      }
    }
  },
});

/**
 * The adjoint: dx[b, t, c] = (accumulate ? its old value : 0) + Σ dy[b, t - o + (taps - 1) / 2, c · taps + o]
 * over the tokens of the sequence; nothing is added for a hidden token.
 */
export const unfoldBackward: Kernel<
  "dy" | "mask" | "dx",
  "batch" | "time" | "width" | "taps" | "hasMask" | "accumulate"
> = defineKernel({
  name: "unfold_backward",
  bindings: { dy: f32.read, mask: u32.read, dx: f32.update },
  scalars: {
    batch: "u32",
    time: "u32",
    width: "u32",
    taps: "u32",
    hasMask: "u32",
    accumulate: "u32",
  },
  elements: ({ batch, time, width, taps, hasMask }) => ({
    dy: batch * time * width * taps,
    mask: hasMask ? batch * time : 0,
    dx: batch * time * width,
  }),
  wgsl: {
    code: backwardCode,
    workgroups: ({ batch, time, width }) => ceilDivide(batch * time * width, 256),
  },
  cpu: {
    units: ({ batch, time }) => batch * time,
    grain: ({ width, taps }) => ceilDivide(8192, width * taps),
  },
  reference({ dy, mask, dx }, { batch, time, width, taps, hasMask, accumulate }) {
    for (let token = 0; token < batch * time; token++) {
      const isShown = !hasMask || mask[token] !== 0;
      for (let c = 0; c < width; c++) {
        let sum = accumulate ? dx[token * width + c] : 0;
        for (let o = 0; o < taps && isShown; o++) {
          const t = token % time - o + (taps - 1) / 2, from = token - o + (taps - 1) / 2;
          if (t >= 0 && t < time) sum += dy[(from * width + c) * taps + o];
        }
        dx[token * width + c] = sum;
      }
    }
  },
});
