/** SiLU, also called swish, forward and backward. @module */

import { ceilDivide, defineKernel, f32, type Kernel } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

const sigmoid = (x: number): number => 1 / (1 + Math.exp(-x));

/** y = x / (1 + e^-x) (Hendrycks and Gimpel 2016, section 2; the swish of Ramachandran et al. 2017). */
export const siluForward: Kernel<"x" | "y", "size"> = defineKernel({
  name: "silu_forward",
  bindings: { x: f32.read, y: f32.write },
  scalars: { size: "u32" },
  elements: ({ size }) => ({ x: size, y: size }),
  wgsl: { code: forwardCode, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 4096 },
  reference({ x, y }, { size }) {
    for (let i = 0; i < size; i++) y[i] = x[i] * sigmoid(x[i]);
  },
});

/** dx = dy · s (1 + x · (1 - s)) with s = 1 / (1 + e^-x), added with `accumulate`. */
export const siluBackward: Kernel<"x" | "dy" | "dx", "size" | "accumulate"> = defineKernel({
  name: "silu_backward",
  bindings: { x: f32.read, dy: f32.read, dx: f32.update },
  scalars: { size: "u32", accumulate: "u32" },
  elements: ({ size }) => ({ x: size, dy: size, dx: size }),
  wgsl: { code: backwardCode, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 4096 },
  reference({ x, dy, dx }, { size, accumulate }) {
    for (let i = 0; i < size; i++) {
      const s = sigmoid(x[i]);
      dx[i] = (accumulate ? dx[i] : 0) + dy[i] * s * (1 + x[i] * (1 - s));
    }
  },
});
