/** Reductions: sums, column sums, and the two halves of a norm. @module */

import {
  areFours,
  ceilDivide,
  defineKernel,
  elementsOf,
  f32,
  type Kernel,
  type Numbers,
} from "../kernel.ts";
import sumCode from "./sum.wgsl" with { type: "text" };
import columnsCode from "./sum_columns.wgsl" with { type: "text" };
import squaresCode from "./sum_squares.wgsl" with { type: "text" };

/**
 * Elements per partial sum of {@link sumSquares}: fixed, so that the bits do not depend on the number
 * of threads.
 */
export const squaresChunk = 4096;

/** y[0] = Σ x[i] for i < size. */
export const sum: Kernel<"x" | "y", "size"> = defineKernel({
  name: "sum",
  bindings: { x: f32.read, y: f32.write },
  scalars: { size: "u32" },
  elements: ({ size }) => ({ x: size, y: 1 }),
  wgsl: { code: sumCode, constants: () => ({ root: 0 }), workgroups: () => 1 },
  cpu: { units: () => 1, grain: () => 1 },
  reference({ x, y }, { size }) {
    y[0] = sumOf(x, size);
  },
});

/** y[j] = (accumulate ? y[j] : 0) + Σ_rows x[row, j]: the gradient of a bias. */
export const sumColumns: Kernel<"x" | "y", "rows" | "width" | "accumulate"> = defineKernel({
  name: "sum_columns",
  bindings: { x: f32.read, y: f32.update },
  scalars: { rows: "u32", width: "u32", accumulate: "u32" },
  elements: ({ rows, width }) => ({ x: rows * width, y: width }),
  wgsl: {
    code: columnsCode,
    constants: ({ width }) => ({ aligned: areFours(width) }),
    workgroups: ({ width }) => ceilDivide(width, 64),
  },
  cpu: { units: ({ width }) => width, grain: () => 16 },
  reference({ x, y }, { rows, width, accumulate }) {
    for (let j = 0; j < width; j++) {
      let total = accumulate ? y[j] : 0;
      for (let row = 0; row < rows; row++) total += x[row * width + j];
      y[j] = total;
    }
  },
});

/** partials[partialOffset + c] = Σ x[i]² over the c-th chunk of {@link squaresChunk} elements. */
export const sumSquares: Kernel<"x" | "partials", "size" | "partialOffset"> = defineKernel({
  name: "sum_squares",
  bindings: { x: f32.read, partials: f32.update },
  scalars: { size: "u32", partialOffset: "u32" },
  elements: ({ size, partialOffset }) => {
    const chunks = ceilDivide(size, squaresChunk);
    return { x: size, partials: elementsOf(1, chunks, chunks, partialOffset) };
  },
  wgsl: {
    code: squaresCode,
    constants: () => ({ chunk: squaresChunk }),
    workgroups: ({ size }) => ceilDivide(size, squaresChunk),
  },
  cpu: { units: ({ size }) => ceilDivide(size, squaresChunk), grain: () => 2 },
  reference({ x, partials }, { size, partialOffset }) {
    for (let start = 0; start < size; start += squaresChunk) {
      let total = 0;
      for (let i = start; i < Math.min(size, start + squaresChunk); i++) total += x[i] * x[i];
      partials[partialOffset + start / squaresChunk] = total;
    }
  },
});

/** y[0] = √(Σ x[i]) for i < size: with {@link sumSquares} before it, a Euclidean norm. */
export const rootSum: Kernel<"x" | "y", "size"> = defineKernel({
  name: "root_sum",
  bindings: { x: f32.read, y: f32.write },
  scalars: { size: "u32" },
  elements: ({ size }) => ({ x: size, y: 1 }),
  wgsl: { code: sumCode, constants: () => ({ root: 1 }), workgroups: () => 1 },
  cpu: { units: () => 1, grain: () => 1 },
  reference({ x, y }, { size }) {
    y[0] = Math.sqrt(sumOf(x, size));
  },
});

function sumOf(x: Numbers, size: number): number {
  let sum = 0;
  for (let i = 0; i < size; i++) sum += x[i];
  return sum;
}
