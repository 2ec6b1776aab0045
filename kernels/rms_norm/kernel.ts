/** Normalization of rows by their root mean square, forward and backward. @module */

import { ceilDivide, defineKernel, f32, type Kernel } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };
import weightCode from "./backward_weight.wgsl" with { type: "text" };

/**
 * y = x / √(mean(x²) + ε) · weight, row by row (Zhang and Sennrich 2019, equation 4, with an ε). Also
 * writes 1/√(mean(x²) + ε) of each row for the backward pass.
 */
export const rmsNormForward: Kernel<
  "x" | "weight" | "y" | "inverseRoot",
  "rows" | "width" | "epsilon"
> = defineKernel({
  name: "rms_norm_forward",
  bindings: { x: f32.read, weight: f32.read, y: f32.write, inverseRoot: f32.write },
  scalars: { rows: "u32", width: "u32", epsilon: "f32" },
  elements: ({ rows, width }) => ({
    x: rows * width,
    weight: width,
    y: rows * width,
    inverseRoot: rows,
  }),
  wgsl: { code: forwardCode, workgroups: ({ rows }) => ceilDivide(rows, 8) },
  cpu: { units: ({ rows }) => rows, grain: () => 8 },
  reference({ x, weight, y, inverseRoot }, { rows, width, epsilon }) {
    for (let row = 0; row < rows; row++) {
      const at = row * width;
      let squares = 0;
      for (let i = 0; i < width; i++) squares += x[at + i] ** 2;
      const scale = 1 / Math.sqrt(squares / width + epsilon);
      for (let i = 0; i < width; i++) y[at + i] = x[at + i] * scale * weight[i];
      inverseRoot[row] = scale;
    }
  },
});

/**
 * dx = s · (g - x̂ · mean(g · x̂)) with g = dy · weight, x̂ = x · s, s = 1/√(mean(x²) + ε); added to dx
 * with `accumulate`.
 */
export const rmsNormBackward: Kernel<
  "x" | "weight" | "inverseRoot" | "dy" | "dx",
  "rows" | "width" | "accumulate"
> = defineKernel({
  name: "rms_norm_backward",
  bindings: {
    x: f32.read,
    weight: f32.read,
    inverseRoot: f32.read,
    dy: f32.read,
    dx: f32.update,
  },
  scalars: { rows: "u32", width: "u32", accumulate: "u32" },
  elements: ({ rows, width }) => ({
    x: rows * width,
    weight: width,
    inverseRoot: rows,
    dy: rows * width,
    dx: rows * width,
  }),
  wgsl: { code: backwardCode, workgroups: ({ rows }) => ceilDivide(rows, 8) },
  cpu: { units: ({ rows }) => rows, grain: () => 8 },
  reference({ x, weight, inverseRoot, dy, dx }, { rows, width, accumulate }) {
    for (let row = 0; row < rows; row++) {
      const at = row * width, scale = inverseRoot[row];
      let product = 0;
      for (let i = 0; i < width; i++) product += dy[at + i] * weight[i] * x[at + i] * scale;
      for (let i = 0; i < width; i++) {
        const value = scale * (dy[at + i] * weight[i] - x[at + i] * scale * product / width);
        dx[at + i] = (accumulate ? dx[at + i] : 0) + value;
      }
    }
  },
});

/** dWeight[i] = Σ_rows dy · x̂, added with `accumulate`. */
export const rmsNormBackwardWeight: Kernel<
  "x" | "inverseRoot" | "dy" | "dWeight",
  "rows" | "width" | "accumulate"
> = defineKernel({
  name: "rms_norm_backward_weight",
  bindings: { x: f32.read, inverseRoot: f32.read, dy: f32.read, dWeight: f32.update },
  scalars: { rows: "u32", width: "u32", accumulate: "u32" },
  elements: ({ rows, width }) => ({
    x: rows * width,
    inverseRoot: rows,
    dy: rows * width,
    dWeight: width,
  }),
  wgsl: { code: weightCode, workgroups: ({ width }) => ceilDivide(width, 64) },
  cpu: { units: ({ width }) => width, grain: () => 16 },
  reference({ x, inverseRoot, dy, dWeight }, { rows, width, accumulate }) {
    for (let i = 0; i < width; i++) {
      let sum = 0;
      for (let row = 0; row < rows; row++) {
        sum += dy[row * width + i] * x[row * width + i] * inverseRoot[row];
      }
      dWeight[i] = (accumulate ? dWeight[i] : 0) + sum;
    }
  },
});
