/** GELU in the tanh form that GPT-2 uses (`gelu_new`), forward and backward. @module */

import { ceilDivide, defineKernel, type Kernel } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

const slope = Math.sqrt(2 / Math.PI);
const cubic = 0.044715;

/** y = x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))). */
export const geluForward: Kernel<"x" | "y", "size"> = defineKernel({
  name: "gelu_forward",
  bindings: { x: { type: "f32", access: "read" }, y: { type: "f32", access: "write" } },
  scalars: { size: "u32" },
  wgsl: { code: forwardCode, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 4096 },
  reference({ x, y }, { size }) {
    for (let i = 0; i < size; i++) {
      y[i] = 0.5 * x[i] * (1 + Math.tanh(slope * (x[i] + cubic * x[i] ** 3)));
    }
  },
});

/** dx = dy · (½(1 + t) + x/2 · (1 - t²) · √(2/π) · (1 + 3 · 0.044715 x²)), added with `accumulate`. */
export const geluBackward: Kernel<"x" | "dy" | "dx", "size" | "accumulate"> = defineKernel({
  name: "gelu_backward",
  bindings: {
    x: { type: "f32", access: "read" },
    dy: { type: "f32", access: "read" },
    dx: { type: "f32", access: "update" },
  },
  scalars: { size: "u32", accumulate: "u32" },
  wgsl: { code: backwardCode, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 4096 },
  reference({ x, dy, dx }, { size, accumulate }) {
    for (let i = 0; i < size; i++) {
      const t = Math.tanh(slope * (x[i] + cubic * x[i] ** 3));
      const slopeOfT = (1 - t * t) * slope * (1 + 3 * cubic * x[i] ** 2);
      dx[i] = (accumulate ? dx[i] : 0) + dy[i] * (0.5 * (1 + t) + 0.5 * x[i] * slopeOfT);
    }
  },
});
