/** Dense float64 matrices. @module */

/** Rows x columns, row-major. */
export interface DenseMatrix {
  /** Number of rows. */
  readonly rows: number;
  /** Number of columns. */
  readonly columns: number;
  /** Values, row by row. */
  readonly data: Float64Array;
}

/** The transpose as a new matrix. */
export function transposed({ rows, columns, data }: DenseMatrix): DenseMatrix {
  const out = new Float64Array(data.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j];
  }
  return { rows: columns, columns: rows, data: out };
}

/** factor · A Bᵀ. */
export function multiplyTransposed(a: DenseMatrix, b: DenseMatrix, factor = 1): DenseMatrix {
  const out = new Float64Array(a.rows * b.rows);
  for (let i = 0; i < a.rows; i++) {
    for (let j = 0; j < b.rows; j++) {
      let sum = 0;
      for (let p = 0; p < a.columns; p++) {
        sum += a.data[i * a.columns + p] * b.data[j * b.columns + p];
      }
      out[i * b.rows + j] = factor * sum;
    }
  }
  return { rows: a.rows, columns: b.rows, data: out };
}
