/** Rows' norms, and columns times a quotient: the magnitudes of DoRA, forward and backward. @module */

import { ceilDivide, defineKernel, f32, type Kernel } from "../kernel.ts";
import dotColumnsCode from "./dot_columns.wgsl" with { type: "text" };
import rowNormsCode from "./row_norms.wgsl" with { type: "text" };
import scaleCode from "./scale.wgsl" with { type: "text" };

/** y[i] = √Σ_j x[i, j]². */
export const rowNorms: Kernel<"x" | "y", "rows" | "width"> = defineKernel({
  name: "row_norms",
  bindings: { x: f32.read, y: f32.write },
  scalars: { rows: "u32", width: "u32" },
  elements: ({ rows, width }) => ({ x: rows * width, y: rows }),
  wgsl: { code: rowNormsCode, workgroups: ({ rows }) => rows },
  cpu: { units: ({ rows }) => rows, grain: () => 8 },
  reference({ x, y }, { rows, width }) {
    for (let i = 0; i < rows; i++) {
      let squares = 0;
      for (let j = 0; j < width; j++) squares += x[i * width + j] ** 2;
      y[i] = Math.sqrt(squares);
    }
  },
});

/** Products with a quotient for each column, or for each row. */
function scaling(name: string, byRow: boolean): Kernel<
  "x" | "factors" | "divisors" | "y",
  "rows" | "width" | "accumulate"
> {
  return defineKernel({
    name,
    bindings: { x: f32.read, factors: f32.read, divisors: f32.read, y: f32.update },
    scalars: { rows: "u32", width: "u32", accumulate: "u32" },
    elements: ({ rows, width }) => {
      const size = rows * width, quotients = byRow ? rows : width;
      return { x: size, factors: quotients, divisors: quotients, y: size };
    },
    wgsl: {
      code: scaleCode,
      constants: () => ({ byRow: Number(byRow) }),
      workgroups: ({ rows, width }) => ceilDivide(rows * width, 1024),
    },
    cpu: { units: ({ rows }) => rows, grain: () => 8 },
    reference({ x, factors, divisors, y }, { rows, width, accumulate }) {
      for (let at = 0; at < rows * width; at++) {
        const i = byRow ? Math.floor(at / width) : at % width;
        const quotient = divisors[i] === 0 ? 0 : factors[i] / divisors[i];
        y[at] = (accumulate ? y[at] : 0) + x[at] * quotient;
      }
    },
  });
}

/**
 * y[i, j] = (accumulate ? y[i, j] : 0) + x[i, j] · (factors[j] / divisors[j]), with a quotient of 0 where
 * the divisor is 0. The quotient of equal numbers is 1.
 */
export const scaleColumns: Kernel<
  "x" | "factors" | "divisors" | "y",
  "rows" | "width" | "accumulate"
> = scaling("scale_columns", false);

/** The same for rows: y[i, j] = (accumulate ? y[i, j] : 0) + x[i, j] · (factors[i] / divisors[i]). */
export const scaleRows: Kernel<
  "x" | "factors" | "divisors" | "y",
  "rows" | "width" | "accumulate"
> = scaling("scale_rows", true);

/**
 * y[j] = (accumulate ? y[j] : 0) + Σ_i a[i, j] · b[i, j] / divisors[j], 0 where the divisor is 0: the
 * gradient of the factors of {@link scaleColumns}.
 */
export const dotColumns: Kernel<
  "a" | "b" | "divisors" | "y",
  "rows" | "width" | "accumulate"
> = defineKernel({
  name: "dot_columns",
  bindings: { a: f32.read, b: f32.read, divisors: f32.read, y: f32.update },
  scalars: { rows: "u32", width: "u32", accumulate: "u32" },
  elements: ({ rows, width }) => ({
    a: rows * width,
    b: rows * width,
    divisors: width,
    y: width,
  }),
  wgsl: { code: dotColumnsCode, workgroups: ({ width }) => ceilDivide(width, 64) },
  cpu: { units: ({ width }) => width, grain: () => 16 },
  reference({ a, b, divisors, y }, { rows, width, accumulate }) {
    for (let j = 0; j < width; j++) {
      let total = 0;
      for (let i = 0; i < rows; i++) total += a[i * width + j] * b[i * width + j];
      y[j] = (accumulate ? y[j] : 0) + (divisors[j] === 0 ? 0 : total / divisors[j]);
    }
  },
});
