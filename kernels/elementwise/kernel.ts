/** Sums, copies and constants. @module */

import { ceilDivide, defineKernel, elementsOf, f32, type Kernel } from "../kernel.ts";
import addCode from "./add.wgsl" with { type: "text" };
import copyColumnsCode from "./copy_columns.wgsl" with { type: "text" };
import scaleAddCode from "./scale_add.wgsl" with { type: "text" };
import fillCode from "./fill.wgsl" with { type: "text" };

/** out = a + b. */
export const addKernel: Kernel<"a" | "b" | "out", "size"> = defineKernel({
  name: "add",
  bindings: { a: f32.read, b: f32.read, out: f32.write },
  scalars: { size: "u32" },
  elements: ({ size }) => ({ a: size, b: size, out: size }),
  wgsl: { code: addCode, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 16384 },
  reference({ a, b, out }, { size }) {
    for (let i = 0; i < size; i++) out[i] = a[i] + b[i];
  },
});

/** y[yOffset + i] = (accumulate ? y[yOffset + i] : 0) + alpha · x[xOffset + i] for i < size. */
export const scaleAdd: Kernel<
  "x" | "y",
  "size" | "xOffset" | "yOffset" | "alpha" | "accumulate"
> = defineKernel({
  name: "scale_add",
  bindings: { x: f32.read, y: f32.update },
  scalars: { size: "u32", xOffset: "u32", yOffset: "u32", alpha: "f32", accumulate: "u32" },
  elements: ({ size, xOffset, yOffset }) => ({
    x: elementsOf(1, size, size, xOffset),
    y: elementsOf(1, size, size, yOffset),
  }),
  wgsl: {
    code: scaleAddCode,
    workgroups: ({ size, yOffset }) => size && ceilDivide(yOffset % 4 + size, 1024),
  },
  cpu: { units: ({ size }) => size, grain: () => 16384 },
  reference({ x, y }, { size, xOffset, yOffset, alpha, accumulate }) {
    for (let i = 0; i < size; i++) {
      y[yOffset + i] = (accumulate ? y[yOffset + i] : 0) + alpha * x[xOffset + i];
    }
  },
});

/**
 * y[yOffset + i · yStride + j] = (accumulate ? its old value : 0) + x[xOffset + i · xStride + j] for i
 * < rows, j < width: copies some columns of one matrix to some of another.
 */
export const copyColumns: Kernel<
  "x" | "y",
  "rows" | "width" | "xOffset" | "xStride" | "yOffset" | "yStride" | "accumulate"
> = defineKernel({
  name: "copy_columns",
  bindings: { x: f32.read, y: f32.update },
  scalars: {
    rows: "u32",
    width: "u32",
    xOffset: "u32",
    xStride: "u32",
    yOffset: "u32",
    yStride: "u32",
    accumulate: "u32",
  },
  elements: ({ rows, width, xOffset, xStride, yOffset, yStride }) => ({
    x: elementsOf(rows, width, xStride, xOffset),
    y: elementsOf(rows, width, yStride, yOffset),
  }),
  wgsl: { code: copyColumnsCode, workgroups: ({ rows, width }) => ceilDivide(rows * width, 1024) },
  cpu: { units: ({ rows, width }) => rows * width, grain: () => 16384 },
  reference({ x, y }, { rows, width, xOffset, xStride, yOffset, yStride, accumulate }) {
    for (let i = 0; i < rows; i++) {
      for (let j = 0; j < width; j++) {
        const from = xOffset + i * xStride + j, to = yOffset + i * yStride + j;
        y[to] = accumulate ? y[to] + x[from] : x[from];
      }
    }
  },
});

/** y[i] = value for i < size. */
export const fill: Kernel<"y", "size" | "value"> = defineKernel({
  name: "fill",
  bindings: { y: f32.write },
  scalars: { size: "u32", value: "f32" },
  elements: ({ size }) => ({ y: size }),
  wgsl: { code: fillCode, workgroups: ({ size }) => ceilDivide(size, 1024) },
  cpu: { units: ({ size }) => size, grain: () => 16384 },
  reference({ y }, { size, value }) {
    for (let i = 0; i < size; i++) y[i] = value;
  },
});
