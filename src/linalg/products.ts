/** Matrix products, with two rows of A and four of B at a time, so that a loaded value is used often. @module */

import { openRows, type RowSpace } from "../blas/mod.ts";
import { type DenseMatrix, zeros } from "./matrix.ts";

/** Values at the start of the memory for what one call of its loops gives or takes. */
const scratch = 8;

/** A Bᵀ as dot products of rows. */
export function multiplyTransposed(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const out = zeros(a.rows, b.rows), { columns } = a, four = b.rows - b.rows % 4;
  const { space, placeA, placeB } = placed(a, b), { values, dot, dotFour } = space;
  for (let i = 0; i < a.rows; i += 2) {
    const x = placeA + i * columns, isPair = i + 1 < a.rows, y = isPair ? x + columns : x;
    for (let j = 0; j < four; j += 4) {
      dotFour(x, y, placeB + j * columns, columns, columns, 0);
      for (let c = 0; c < 4; c++) out.data[i * b.rows + j + c] = values[c];
      for (let c = 0; isPair && c < 4; c++) out.data[(i + 1) * b.rows + j + c] = values[4 + c];
    }
    for (let j = four; j < b.rows; j++) {
      const row = placeB + j * columns;
      out.data[i * b.rows + j] = dot(x, row, columns);
      if (isPair) out.data[(i + 1) * b.rows + j] = dot(y, row, columns);
    }
  }
  return out;
}

/** A B as sums of rows of B. */
export function multiply(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const { columns } = b, inner = a.columns, four = inner - inner % 4;
  const { space, placeB, placeOut } = placed(a, b), { values, addRow, addFour } = space;
  const end = placeOut + a.rows * columns;
  values.fill(0, placeOut, end);
  for (let i = 0; i < a.rows; i += 2) {
    const x = placeOut + i * columns, isPair = i + 1 < a.rows, y = isPair ? x + columns : x;
    for (let p = 0; p < four; p += 4) {
      for (let c = 0; c < 4; c++) {
        values[c] = a.data[i * inner + p + c];
        values[4 + c] = isPair ? a.data[(i + 1) * inner + p + c] : 0;
      }
      addFour(x, y, placeB + p * columns, columns, columns, 0);
    }
    for (let p = four; p < inner; p++) {
      const row = placeB + p * columns;
      addRow(x, row, columns, a.data[i * inner + p]);
      if (isPair) addRow(y, row, columns, a.data[(i + 1) * inner + p]);
    }
  }
  return { rows: a.rows, columns, data: values.slice(placeOut, end) };
}

/** A and B in the memory of the loops, and where A B has room. */
function placed(a: DenseMatrix, b: DenseMatrix): {
  readonly space: RowSpace;
  readonly placeA: number;
  readonly placeB: number;
  readonly placeOut: number;
} {
  const placeA = scratch, placeB = placeA + a.data.length, placeOut = placeB + b.data.length;
  const space = openRows(placeOut + a.rows * b.columns);
  space.values.set(a.data, placeA);
  space.values.set(b.data, placeB);
  return { space, placeA, placeB, placeOut };
}
