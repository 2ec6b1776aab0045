/** Matrix products, with two rows of A and four of B at a time, so that a loaded value is used often. @module */

import { openRows } from "../blas/mod.ts";
import { type DenseMatrix, rowsOf, zeros } from "./matrix.ts";

/** Values at the start of the memory for what one call of its loops gives or takes. */
const scratch = 8;

/** About how many values of A or of A B are in the memory beside B. */
const valuesAtOnce = 2 ** 20;

/** A Bᵀ as dot products of rows. */
export function multiplyTransposed(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const out = zeros(a.rows, b.rows), { columns } = a, four = b.rows - b.rows % 4;
  const { space, place, height } = placed(b, a), { values, dot, dotFour } = space;
  for (let i = 0; i < a.rows; i += 2) {
    const at = i % height, isPair = i + 1 < a.rows;
    if (at === 0) values.set(rowsOf(a, i, height).data, place);
    const x = place + at * columns, y = isPair ? x + columns : x;
    for (let j = 0; j < four; j += 4) {
      dotFour(x, y, scratch + j * columns, columns, columns, 0);
      for (let c = 0; c < 4; c++) out.data[i * b.rows + j + c] = values[c];
      for (let c = 0; isPair && c < 4; c++) out.data[(i + 1) * b.rows + j + c] = values[4 + c];
    }
    for (let j = four; j < b.rows; j++) {
      const row = scratch + j * columns;
      out.data[i * b.rows + j] = dot(x, row, columns);
      if (isPair) out.data[(i + 1) * b.rows + j] = dot(y, row, columns);
    }
  }
  return out;
}

/** A B as sums of rows of B. */
export function multiply(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const out = zeros(a.rows, b.columns), { columns } = b, inner = a.columns;
  const four = inner - inner % 4;
  const { space, place: x } = placed(b, { rows: 2, columns }), { values, addRow, addFour } = space;
  for (let i = 0; i < a.rows; i += 2) {
    const isPair = i + 1 < a.rows, y = isPair ? x + columns : x, end = y + columns;
    values.fill(0, x, end);
    for (let p = 0; p < four; p += 4) {
      for (let c = 0; c < 4; c++) {
        values[c] = a.data[i * inner + p + c];
        values[4 + c] = isPair ? a.data[(i + 1) * inner + p + c] : 0;
      }
      addFour(x, y, scratch + p * columns, columns, columns, 0);
    }
    for (let p = four; p < inner; p++) {
      const row = scratch + p * columns;
      addRow(x, row, columns, a.data[i * inner + p]);
      if (isPair) addRow(y, row, columns, a.data[(i + 1) * inner + p]);
    }
    out.data.set(values.subarray(x, end), i * columns);
  }
  return out;
}

/** B in the memory of the loops, and behind it the place for an even number of rows, as many as there are at most. */
function placed(b: DenseMatrix, { rows, columns }: Pick<DenseMatrix, "rows" | "columns">) {
  const pairs = Math.min(Math.ceil(rows / 2), Math.ceil(valuesAtOnce / (2 * Math.max(1, columns))));
  const place = scratch + b.data.length, height = 2 * pairs;
  const space = openRows(place + height * columns);
  space.values.set(b.data, scratch);
  return { space, place, height };
}
