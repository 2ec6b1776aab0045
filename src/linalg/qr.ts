/** The triangle of a QR decomposition, by Householder reflections. @module */

import type { DenseMatrix } from "./matrix.ts";

/**
 * R of A = Q R, min(rows, columns) x columns, upper triangular; Q is not formed.
 *
 * Golub and Van Loan, Matrix Computations, algorithm 5.2.1. A is a tall matrix of few columns: the cost is
 * 2 · rows · columns² operations.
 */
export function upperTriangle(a: DenseMatrix): DenseMatrix {
  const { rows, columns } = a;
  const work = a.data.slice(), size = Math.min(rows, columns);
  for (let pivot = 0; pivot < size; pivot++) reflect(work, rows, columns, pivot);
  const data = new Float64Array(size * columns);
  for (let i = 0; i < size; i++) {
    for (let j = i; j < columns; j++) data[i * columns + j] = work[i * columns + j];
  }
  return { rows: size, columns, data };
}

/** Makes column `pivot` zero below the diagonal. */
function reflect(work: Float64Array, rows: number, columns: number, pivot: number): void {
  const norm = columnNorm(work, rows, columns, pivot);
  if (norm === 0) return;
  const head = work[pivot * columns + pivot];
  const alpha = head > 0 ? -norm : norm;
  const vector = Float64Array.from(
    { length: rows - pivot },
    (_, i) => work[(pivot + i) * columns + pivot] / norm,
  );
  vector[0] -= alpha / norm;
  const half = 1 - head / alpha;
  for (let j = pivot; j < columns; j++) {
    let product = 0;
    vector.forEach((v, i) => product += v * work[(pivot + i) * columns + j]);
    const factor = product / half;
    vector.forEach((v, i) => work[(pivot + i) * columns + j] -= factor * v);
  }
}

/** The Euclidean norm of a column from `pivot` down, scaled so that squares neither overflow nor vanish. */
function columnNorm(work: Float64Array, rows: number, columns: number, pivot: number): number {
  let largest = 0, sum = 0;
  for (let i = pivot; i < rows; i++) {
    largest = Math.max(largest, Math.abs(work[i * columns + pivot]));
  }
  if (largest === 0) return 0;
  for (let i = pivot; i < rows; i++) sum += (work[i * columns + pivot] / largest) ** 2;
  return largest * Math.sqrt(sum);
}
