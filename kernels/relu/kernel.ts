/** The rectifier, forward and backward. @module */

import { ceilDivide, defineKernel, f32, type Kernel } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

/** y = max(0, x). */
export const reluForward: Kernel<"x" | "y", "size"> = defineKernel({
  name: "relu_forward",
  bindings: { x: f32.read, y: f32.write },
  scalars: { size: "u32" },
  elements: ({ size }) => ({ x: size, y: size }),
  wgsl: { code: forwardCode, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 4096 },
  reference({ x, y }, { size }) {
    for (let i = 0; i < size; i++) y[i] = x[i] <= 0 ? 0 : x[i]; // NaN stays NaN
  },
});

/** dx = dy where y > 0, else 0, from the result y; added with `accumulate`. */
export const reluBackward: Kernel<"y" | "dy" | "dx", "size" | "accumulate"> = defineKernel({
  name: "relu_backward",
  bindings: { y: f32.read, dy: f32.read, dx: f32.update },
  scalars: { size: "u32", accumulate: "u32" },
  elements: ({ size }) => ({ y: size, dy: size, dx: size }),
  wgsl: { code: backwardCode, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 4096 },
  reference({ y, dy, dx }, { size, accumulate }) {
    for (let i = 0; i < size; i++) {
      dx[i] = (accumulate ? dx[i] : 0) + (y[i] <= 0 ? 0 : dy[i]);
    }
  },
});
