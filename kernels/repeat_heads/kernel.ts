/** Heads of keys and values that serve several heads of queries: repeated, and sums over the repetitions. @module */

import { ceilDivide, defineKernel, elementsOf, f32, type Kernel } from "../kernel.ts";
import repeatCode from "./repeat.wgsl" with { type: "text" };
import sumCode from "./sum.wgsl" with { type: "text" };

/** Extents and places of heads that are repeated: `heads` heads, `group` times each. */
export type HeadScalars =
  | "rows"
  | "heads"
  | "group"
  | "headWidth"
  | "xOffset"
  | "xStride"
  | "yOffset"
  | "yStride";

const headScalars = {
  rows: "u32",
  heads: "u32",
  group: "u32",
  headWidth: "u32",
  xOffset: "u32",
  xStride: "u32",
  yOffset: "u32",
  yStride: "u32",
} as const;

/**
 * y[r, (h · group + c) · headWidth + i] = x[r, h · headWidth + i] for c < group: each head of x as often as heads
 * of queries share it (Ainslie et al. 2023). Row r of x starts at r · xStride + xOffset, likewise y.
 */
export const repeatHeads: Kernel<"x" | "y", HeadScalars> = defineKernel({
  name: "repeat_heads",
  bindings: { x: f32.read, y: f32.update },
  scalars: headScalars,
  elements: ({ rows, heads, group, headWidth, xOffset, xStride, yOffset, yStride }) => ({
    x: elementsOf(rows, heads * headWidth, xStride, xOffset),
    y: elementsOf(rows, heads * group * headWidth, yStride, yOffset),
  }),
  wgsl: {
    code: repeatCode,
    workgroups: (s) => ceilDivide(s.rows * s.heads * s.group * s.headWidth, 1024),
  },
  cpu: {
    units: ({ rows }) => rows,
    grain: ({ heads, group, headWidth }) => ceilDivide(16384, heads * group * headWidth),
  },
  reference({ x, y }, s) {
    const width = s.heads * s.group * s.headWidth;
    for (let row = 0; row < s.rows; row++) {
      for (let column = 0; column < width; column++) {
        const from = row * s.xStride + s.xOffset + sourceOf(column, s);
        y[row * s.yStride + s.yOffset + column] = x[from];
      }
    }
  },
});

/**
 * y[r, h · headWidth + i] = Σ_c x[r, (h · group + c) · headWidth + i], added with `accumulate`: the gradient of
 * {@link repeatHeads}, in the order of c.
 */
export const sumHeads: Kernel<"x" | "y", HeadScalars | "accumulate"> = defineKernel({
  name: "sum_heads",
  bindings: { x: f32.read, y: f32.update },
  scalars: { ...headScalars, accumulate: "u32" },
  elements: ({ rows, heads, group, headWidth, xOffset, xStride, yOffset, yStride }) => ({
    x: elementsOf(rows, heads * group * headWidth, xStride, xOffset),
    y: elementsOf(rows, heads * headWidth, yStride, yOffset),
  }),
  wgsl: {
    code: sumCode,
    workgroups: (s) => ceilDivide(s.rows * s.heads * s.headWidth, 1024),
  },
  cpu: {
    units: ({ rows }) => rows,
    grain: ({ heads, group, headWidth }) => ceilDivide(16384, heads * group * headWidth),
  },
  reference({ x, y }, s) {
    const width = s.heads * s.group * s.headWidth;
    for (let row = 0; row < s.rows; row++) {
      const yAt = row * s.yStride + s.yOffset, xAt = row * s.xStride + s.xOffset;
      for (let column = 0; column < width; column++) {
        const to = yAt + sourceOf(column, s);
        const isFirst = Math.floor(column / s.headWidth) % s.group === 0;
        y[to] = (isFirst && !s.accumulate ? 0 : y[to]) + x[xAt + column];
      }
    }
  },
});

/** The column that a repeated one comes from. */
function sourceOf(column: number, { group, headWidth }: { group: number; headWidth: number }) {
  const i = column % headWidth, head = (column - i) / headWidth;
  return Math.floor(head / group) * headWidth + i;
}
