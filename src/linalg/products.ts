/** Matrix products. @module */

import { type DenseMatrix, zeros } from "./matrix.ts";
import { addRow, dot } from "./rows.ts";

/** A Bᵀ, with rows of both along the sum: four at a time, so that a loaded value is used four times. */
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

/** A B, as sums of rows of B. */
export function multiply(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const out = zeros(a.rows, b.columns), { columns } = b;
  for (let i = 0; i < a.rows; i++) {
    for (let p = 0; p < a.columns; p++) {
      addRow(out.data, i * columns, b.data, p * columns, columns, a.data[i * a.columns + p]);
    }
  }
  return out;
}

/** Products of one row of x with `count` (at most 4) rows of y that lie `length` apart, into `sums`. */
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
