/** GELU in the tanh form that GPT-2 uses (`gelu_new`), forward and backward. @module */

import { ceilDivide, defineKernel, f32, type Kernel } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

const slope = Math.sqrt(2 / Math.PI), cubic = 0.044715;

/** The argument of tanh. */
const argumentOf = (x: number): number => slope * (x + cubic * x ** 3);

/** y = x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))) (Hendrycks and Gimpel 2016, section 2). */
export const geluForward: Kernel<"x" | "y", "size"> = defineKernel({
  name: "gelu_forward",
  bindings: { x: f32.read, y: f32.write },
  scalars: { size: "u32" },
  elements: ({ size }) => ({ x: size, y: size }),
  wgsl: { code: forwardCode, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 4096 },
  reference({ x, y }, { size }) {
    for (let i = 0; i < size; i++) y[i] = 0.5 * x[i] * (1 + Math.tanh(argumentOf(x[i])));
  },
});

/**
 * dx = dy · (½(1 + t) + x/2 · (1 - t²) · √(2/π) · (1 + 3 · 0.044715 x²)) with t = tanh(√(2/π) · (x +
 * 0.044715 x³)); added with `accumulate`.
 */
export const geluBackward: Kernel<"x" | "dy" | "dx", "size" | "accumulate"> = defineKernel({
  name: "gelu_backward",
  bindings: { x: f32.read, dy: f32.read, dx: f32.update },
  scalars: { size: "u32", accumulate: "u32" },
  elements: ({ size }) => ({ x: size, dy: size, dx: size }),
  wgsl: { code: backwardCode, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 4096 },
  reference({ x, dy, dx }, { size, accumulate }) {
    for (let i = 0; i < size; i++) {
      const t = Math.tanh(argumentOf(x[i]));
      const dt = (1 - t * t) * slope * (1 + 3 * cubic * x[i] ** 2);
      dx[i] = (accumulate ? dx[i] : 0) + dy[i] * (0.5 * (1 + t) + 0.5 * x[i] * dt);
    }
  },
});
