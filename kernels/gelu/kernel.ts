/** GELU forward and backward: exact, as in BERT, or in the tanh form of GPT-2 (`gelu_new`). @module */

import { ceilDivide, defineKernel, f32, type Kernel } from "../kernel.ts";
import { normalCdf, normalDensity } from "./normal.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };

const slope = Math.sqrt(2 / Math.PI), cubic = 0.044715;

/** The argument of tanh. */
const argumentOf = (x: number): number => slope * (x + cubic * x ** 3);

/**
 * y = x · Φ(x) if `exact`, else y = x/2 · (1 + tanh(√(2/π) · (x + 0.044715 x³))) (Hendrycks and Gimpel
 * 2016, section 2).
 */
export const geluForward: Kernel<"x" | "y", "size" | "exact"> = defineKernel({
  name: "gelu_forward",
  bindings: { x: f32.read, y: f32.write },
  scalars: { size: "u32", exact: "u32" },
  elements: ({ size }) => ({ x: size, y: size }),
  wgsl: {
    code: forwardCode,
    constants: ({ exact }) => ({ exact }),
    workgroups: ({ size }) => ceilDivide(size, 1024),
  },
  cpu: { units: ({ size }) => size, grain: () => 4096 },
  reference({ x, y }, { size, exact }) {
    for (let i = 0; i < size; i++) {
      y[i] = x[i] * (exact ? normalCdf(x[i]) : 0.5 * (1 + Math.tanh(argumentOf(x[i]))));
    }
  },
});

/**
 * dx = dy · (Φ(x) + x · Φ'(x)) with the Φ of the forward: `exact`, or ½(1 + t), t = tanh(√(2/π) · (x +
 * 0.044715 x³)), and ½(1 - t²) · √(2/π) · (1 + 3 · 0.044715 x²) for its derivative; added with
 * `accumulate`.
 */
export const geluBackward: Kernel<"x" | "dy" | "dx", "size" | "exact" | "accumulate"> =
  defineKernel({
    name: "gelu_backward",
    bindings: { x: f32.read, dy: f32.read, dx: f32.update },
    scalars: { size: "u32", exact: "u32", accumulate: "u32" },
    elements: ({ size }) => ({ x: size, dy: size, dx: size }),
    wgsl: {
      code: backwardCode,
      constants: ({ exact }) => ({ exact }),
      workgroups: ({ size }) => ceilDivide(size, 1024),
    },
    cpu: { units: ({ size }) => size, grain: () => 4096 },
    reference({ x, dy, dx }, { size, exact, accumulate }) {
      const derivative = exact ? exactDerivative : tanhDerivative;
      for (let i = 0; i < size; i++) {
        dx[i] = (accumulate ? dx[i] : 0) + dy[i] * derivative(x[i]);
      }
    },
  });

function exactDerivative(x: number): number {
  return normalCdf(x) + x * normalDensity(x);
}

function tanhDerivative(x: number): number {
  const t = Math.tanh(argumentOf(x));
  const dt = (1 - t * t) * slope * (1 + 3 * cubic * x ** 2);
  return 0.5 * (1 + t) + 0.5 * x * dt;
}
