/** One-sided Jacobi rotations. @module */

import type { DenseMatrix } from "./matrix.ts";
import { dot, rotateRows } from "./rows.ts";

const mostSweeps = 60;

/** Smaller squared norms are underflow noise: rows below 1e-140 of the largest count as zero. */
const vanishing = 1e-280;

/**
 * Rotates pairs of rows of M, in place, until all are orthogonal (Hestenes 1958): R M = M′. The same
 * rotations are applied to `others`, so that an identity matrix becomes R.
 *
 * Rows count as orthogonal when their cosine is at most 2 √columns · ε, the rounding error of a
 * rotation and a product: with less, the rotations would never converge. A bound on the cosine keeps
 * the norms of small rows accurate relative to themselves (Demmel and Veselić 1992). M must be scaled:
 * see `normalized`.
 *
 * @throws {RangeError} when the rotations do not converge.
 */
export function orthogonalizeRows(matrix: DenseMatrix, others?: DenseMatrix): void {
  const tolerance = 2 * Math.sqrt(matrix.columns) * Number.EPSILON;
  const squares = new Float64Array(matrix.rows);
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    if (!rotateAll(matrix, others, squares, tolerance)) return;
  }
  throw new RangeError(`singular values were not found in ${mostSweeps} sweeps of rotations`);
}

/** One sweep over all pairs; true when any was not yet orthogonal. */
function rotateAll(
  { rows, columns, data }: DenseMatrix,
  others: DenseMatrix | undefined,
  squares: Float64Array,
  tolerance: number,
): boolean {
  let rotated = false;
  // Updated by every rotation, and recomputed in every sweep so that rounding errors do not add up.
  for (let p = 0; p < rows; p++) squares[p] = dot(data, p * columns, data, p * columns, columns);
  for (let p = 0; p < rows; p++) {
    for (let q = p + 1; q < rows; q++) {
      if (squares[p] < vanishing || squares[q] < vanishing) continue;
      const product = dot(data, p * columns, data, q * columns, columns);
      if (Math.abs(product) <= tolerance * Math.sqrt(squares[p]) * Math.sqrt(squares[q])) continue;
      const tangent = smallerTangent((squares[q] - squares[p]) / (2 * product));
      rotated = true;
      squares[p] -= tangent * product;
      squares[q] += tangent * product;
      const cosine = 1 / Math.sqrt(1 + tangent * tangent), sine = cosine * tangent;
      rotateRows(data, p * columns, q * columns, columns, cosine, sine);
      if (others) {
        const width = others.columns;
        rotateRows(others.data, p * width, q * width, width, cosine, sine);
      }
    }
  }
  return rotated;
}

/** The tangent of the smaller of the two angles that make a pair of rows orthogonal. */
function smallerTangent(zeta: number): number {
  return Math.sign(zeta || 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
}
