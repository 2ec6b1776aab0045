/** Singular values by one-sided Jacobi rotations. @module */

import { type DenseMatrix, transposed } from "./matrix.ts";

const sweeps = 60;

/**
 * All singular values, largest first: columns are rotated in pairs until they are orthogonal, then their
 * norms are the values (Hestenes 1958). Small values keep their relative accuracy, which a
 * decomposition of AᵀA would lose.
 *
 * @throws {RangeError} when a value is not finite or the rotations do not come to rest.
 */
export function singularValues(matrix: DenseMatrix): Float64Array {
  const tall = matrix.rows >= matrix.columns ? matrix : transposed(matrix);
  if (!tall.data.every(Number.isFinite)) {
    throw new RangeError("singular values need finite entries, found one that is not");
  }
  const columns = splitColumns(tall);
  for (let sweep = 0; rotateAll(columns); sweep++) {
    if (sweep === sweeps) throw new RangeError(`Jacobi rotations did not rest in ${sweeps} sweeps`);
  }
  return Float64Array.from(columns, (column) => Math.hypot(...column)).sort().reverse();
}

function splitColumns({ rows, columns, data }: DenseMatrix): Float64Array[] {
  return Array.from(
    { length: columns },
    (_, j) => Float64Array.from({ length: rows }, (_, i) => data[i * columns + j]),
  );
}

/** One sweep over all pairs; true when any was not yet orthogonal. */
function rotateAll(columns: Float64Array[]): boolean {
  let rotated = false;
  for (let p = 0; p < columns.length; p++) {
    for (let q = p + 1; q < columns.length; q++) {
      rotated = rotate(columns[p], columns[q]) || rotated;
    }
  }
  return rotated;
}

function rotate(x: Float64Array, y: Float64Array): boolean {
  const xx = dot(x, x), yy = dot(y, y), xy = dot(x, y);
  if (Math.abs(xy) <= Number.EPSILON * Math.sqrt(xx * yy)) return false;
  const zeta = (yy - xx) / (2 * xy);
  const tangent = Math.sign(zeta || 1) / (Math.abs(zeta) + Math.hypot(1, zeta));
  const cosine = 1 / Math.hypot(1, tangent), sine = cosine * tangent;
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [x[i], y[i]];
    x[i] = cosine * a - sine * b;
    y[i] = sine * a + cosine * b;
  }
  return true;
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] * y[i];
  return sum;
}
