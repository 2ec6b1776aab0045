/** Matrix products. @module */

import { type DenseMatrix, zeros } from "./matrix.ts";
import { addRow, dot } from "./rows.ts";

/**
 * A Bᵀ as dot products of rows, with four rows of B at a time so that a loaded value is used four
 * times.
 */
export function multiplyTransposed(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const out = zeros(a.rows, b.rows), sums = new Float64Array(4);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.rows; j += 4) {
      const count = Math.min(4, b.rows - j);
      dotRows(a.data, i * a.columns, b.data, j * a.columns, a.columns, count, sums);
      for (let c = 0; c < count; c++) out.data[i * b.rows + j + c] = sums[c];
    }
  }
  return out;
}

/** A B as sums of rows of B, four at a time so that a sum is loaded and stored once for four rows. */
export function multiply(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const out = zeros(a.rows, b.columns), inner = a.columns;
  for (let i = 0; i < a.rows; i++) {
    const at = i * b.columns;
    let p = 0;
    for (; p + 3 < inner; p += 4) addRows(out.data, at, b, p, a.data, i * inner + p);
    for (; p < inner; p++) {
      addRow(out.data, at, b.data, p * b.columns, b.columns, a.data[i * inner + p]);
    }
  }
  return out;
}

/** Adds four rows of b, starting at `row`, times their factors to y, starting at `at`. */
function addRows(
  y: Float64Array,
  at: number,
  { columns, data }: DenseMatrix,
  row: number,
  factors: Float64Array,
  first: number,
): void {
  const f0 = factors[first],
    f1 = factors[first + 1],
    f2 = factors[first + 2],
    f3 = factors[first + 3];
  const b0 = row * columns, b1 = b0 + columns, b2 = b1 + columns, b3 = b2 + columns;
  for (let i = 0; i < columns; i++) {
    y[at + i] += f0 * data[b0 + i] + f1 * data[b1 + i] + f2 * data[b2 + i] + f3 * data[b3 + i];
  }
}

/** Dot products of one row of x with `count` (at most 4) rows of y, `length` apart, into `sums`. */
function dotRows(
  x: Float64Array,
  at: number,
  y: Float64Array,
  from: number,
  length: number,
  count: number,
  sums: Float64Array,
): void {
  if (count < 4) {
    for (let c = 0; c < count; c++) sums[c] = dot(x, at, y, from + c * length, length);
    return;
  }
  const from1 = from + length, from2 = from1 + length, from3 = from2 + length;
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0;
  for (let i = 0; i < length; i++) {
    const value = x[at + i];
    s0 += value * y[from + i];
    s1 += value * y[from1 + i];
    s2 += value * y[from2 + i];
    s3 += value * y[from3 + i];
  }
  sums[0] = s0;
  sums[1] = s1;
  sums[2] = s2;
  sums[3] = s3;
}
