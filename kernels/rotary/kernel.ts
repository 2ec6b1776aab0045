/** Rotary position embedding. @module */

import { ceilDivide, defineKernel, elementsOf, f32, type Kernel, u32 } from "../kernel.ts";
import code from "./rotary.wgsl" with { type: "text" };

/**
 * Rotates the pairs (i, half + i) of each head by the angles of its row's position (Su et al. 2021,
 * equation 34, with Hugging Face's pairs): with the halves x1 and x2 of a head, y1 = x1 cos - x2 sin and y2
 * = x2 cos + x1 sin; added with `accumulate`.
 *
 * Row p of `table` is [cos | sin], half each; `direction` multiplies sin, so that -1 rotates back. Row i of x
 * starts at i · xStride + xOffset, likewise y; head h is 2 h · half elements into a row. The caller checks
 * the positions.
 */
export const rotaryKernel: Kernel<
  "x" | "table" | "positions" | "y",
  | "rows"
  | "heads"
  | "half"
  | "xOffset"
  | "xStride"
  | "yOffset"
  | "yStride"
  | "direction"
  | "accumulate"
> = defineKernel({
  name: "rotary",
  bindings: { x: f32.read, table: f32.read, positions: u32.read, y: f32.update },
  scalars: {
    rows: "u32",
    heads: "u32",
    half: "u32",
    xOffset: "u32",
    xStride: "u32",
    yOffset: "u32",
    yStride: "u32",
    direction: "f32",
    accumulate: "u32",
  },
  elements: ({ rows, heads, half, xOffset, xStride, yOffset, yStride }) => ({
    x: elementsOf(rows, 2 * heads * half, xStride, xOffset),
    positions: rows,
    y: elementsOf(rows, 2 * heads * half, yStride, yOffset),
  }),
  wgsl: { code, workgroups: ({ rows, heads, half }) => ceilDivide(rows * heads * half, 1024) },
  cpu: {
    units: ({ rows }) => rows,
    grain: ({ heads, half }) => ceilDivide(8192, heads * half),
  },
  reference({ x, table, positions, y }, s) {
    for (let row = 0; row < s.rows; row++) {
      for (let pair = 0; pair < s.heads * s.half; pair++) {
        const i = pair % s.half, column = 2 * pair - i, angle = positions[row] * 2 * s.half + i;
        const xAt = row * s.xStride + s.xOffset + column,
          yAt = row * s.yStride + s.yOffset + column;
        const x1 = x[xAt], x2 = x[xAt + s.half];
        const cos = table[angle], sin = s.direction * table[angle + s.half];
        y[yAt] = (s.accumulate ? y[yAt] : 0) + x1 * cos - x2 * sin;
        y[yAt + s.half] = (s.accumulate ? y[yAt + s.half] : 0) + x2 * cos + x1 * sin;
      }
    }
  },
});
