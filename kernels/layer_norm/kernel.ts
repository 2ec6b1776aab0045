/** Layer normalization over rows, forward and backward. @module */

import { areFours, ceilDivide, defineKernel, f32, type Kernel } from "../kernel.ts";
import forwardCode from "./forward.wgsl" with { type: "text" };
import backwardCode from "./backward.wgsl" with { type: "text" };
import parametersCode from "./backward_parameters.wgsl" with { type: "text" };

/**
 * y = (x - μ) / √(σ² + ε) · weight + bias, row by row, with the mean μ and the population variance σ²
 * of the row. Also writes μ and 1/√(σ² + ε) of each row for the backward pass.
 */
export const layerNormForward: Kernel<
  "x" | "weight" | "bias" | "y" | "mean" | "inverseDeviation",
  "rows" | "width" | "epsilon"
> = defineKernel({
  name: "layer_norm_forward",
  bindings: {
    x: f32.read,
    weight: f32.read,
    bias: f32.read,
    y: f32.write,
    mean: f32.write,
    inverseDeviation: f32.write,
  },
  scalars: { rows: "u32", width: "u32", epsilon: "f32" },
  elements: ({ rows, width }) => ({
    x: rows * width,
    weight: width,
    bias: width,
    y: rows * width,
    mean: rows,
    inverseDeviation: rows,
  }),
  wgsl: {
    code: forwardCode,
    constants: ({ width }) => ({ aligned: areFours(width) }),
    workgroups: ({ rows }) => ceilDivide(rows, 8),
  },
  cpu: { units: ({ rows }) => rows, grain: () => 8 },
  reference({ x, weight, bias, y, mean, inverseDeviation }, { rows, width, epsilon }) {
    for (let row = 0; row < rows; row++) {
      const at = row * width;
      let sum = 0, squares = 0;
      for (let i = 0; i < width; i++) sum += x[at + i];
      const mu = sum / width;
      for (let i = 0; i < width; i++) squares += (x[at + i] - mu) ** 2;
      const scale = 1 / Math.sqrt(squares / width + epsilon);
      for (let i = 0; i < width; i++) y[at + i] = (x[at + i] - mu) * scale * weight[i] + bias[i];
      mean[row] = mu;
      inverseDeviation[row] = scale;
    }
  },
});

/**
 * dx = s · (g - mean(g) - x̂ · mean(g · x̂)) with g = dy · weight, x̂ = (x - μ) · s, s = 1/√(σ² + ε);
 * added to dx with `accumulate`.
 */
export const layerNormBackward: Kernel<
  "x" | "weight" | "mean" | "inverseDeviation" | "dy" | "dx",
  "rows" | "width" | "accumulate"
> = defineKernel({
  name: "layer_norm_backward",
  bindings: {
    x: f32.read,
    weight: f32.read,
    mean: f32.read,
    inverseDeviation: f32.read,
    dy: f32.read,
    dx: f32.update,
  },
  scalars: { rows: "u32", width: "u32", accumulate: "u32" },
  elements: ({ rows, width }) => ({
    x: rows * width,
    weight: width,
    mean: rows,
    inverseDeviation: rows,
    dy: rows * width,
    dx: rows * width,
  }),
  wgsl: {
    code: backwardCode,
    constants: ({ width }) => ({ aligned: areFours(width) }),
    workgroups: ({ rows }) => ceilDivide(rows, 8),
  },
  cpu: { units: ({ rows }) => rows, grain: () => 8 },
  reference({ x, weight, mean, inverseDeviation, dy, dx }, { rows, width, accumulate }) {
    for (let row = 0; row < rows; row++) {
      const at = row * width, scale = inverseDeviation[row];
      const normal = (i: number) => (x[at + i] - mean[row]) * scale;
      let sum = 0, product = 0;
      for (let i = 0; i < width; i++) {
        sum += dy[at + i] * weight[i];
        product += dy[at + i] * weight[i] * normal(i);
      }
      for (let i = 0; i < width; i++) {
        const value = scale * (dy[at + i] * weight[i] - (sum + normal(i) * product) / width);
        dx[at + i] = (accumulate ? dx[at + i] : 0) + value;
      }
    }
  },
});

/** dWeight[i] = Σ_rows dy · x̂ and dBias[i] = Σ_rows dy, added with `accumulate`. */
export const layerNormBackwardParameters: Kernel<
  "x" | "mean" | "inverseDeviation" | "dy" | "dWeight" | "dBias",
  "rows" | "width" | "accumulate"
> = defineKernel({
  name: "layer_norm_backward_parameters",
  bindings: {
    x: f32.read,
    mean: f32.read,
    inverseDeviation: f32.read,
    dy: f32.read,
    dWeight: f32.update,
    dBias: f32.update,
  },
  scalars: { rows: "u32", width: "u32", accumulate: "u32" },
  elements: ({ rows, width }) => ({
    x: rows * width,
    mean: rows,
    inverseDeviation: rows,
    dy: rows * width,
    dWeight: width,
    dBias: width,
  }),
  wgsl: {
    code: parametersCode,
    constants: ({ width }) => ({ aligned: areFours(width) }),
    workgroups: ({ width }) => ceilDivide(width, 64),
  },
  cpu: { units: ({ width }) => width, grain: () => 16 },
  reference({ x, mean, inverseDeviation, dy, dWeight, dBias }, { rows, width, accumulate }) {
    for (let i = 0; i < width; i++) {
      let weight = 0, bias = 0;
      for (let row = 0; row < rows; row++) {
        const at = row * width + i;
        weight += dy[at] * (x[at] - mean[row]) * inverseDeviation[row];
        bias += dy[at];
      }
      dWeight[i] = (accumulate ? dWeight[i] : 0) + weight;
      dBias[i] = (accumulate ? dBias[i] : 0) + bias;
    }
  },
});
