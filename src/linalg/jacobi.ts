/** One-sided Jacobi rotations. @module */

import { openRows, type RowSpace } from "../blas/mod.ts";
import type { DenseMatrix } from "./matrix.ts";
import type { PlacedRows } from "./reflections.ts";

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
  const { data } = matrix, otherData = others?.data ?? new Float64Array(), end = data.length;
  const space = openRows(end + otherData.length), { values } = space;
  values.set(data);
  values.set(otherData, end);
  rotateUntilOrthogonal(space, { ...matrix, place: 0 }, others && { ...others, place: end });
  data.set(values.subarray(0, end));
  otherData.set(values.subarray(end, end + otherData.length));
}

function rotateUntilOrthogonal(space: RowSpace, rows: PlacedRows, others?: PlacedRows): void {
  const tolerance = 2 * Math.sqrt(rows.columns) * Number.EPSILON;
  const squares = new Float64Array(rows.rows);
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    if (!rotateAll(space, rows, others, squares, tolerance)) return;
  }
  throw new RangeError(`singular values were not found in ${mostSweeps} sweeps of rotations`);
}

/** One sweep over all pairs; true when any was not yet orthogonal. */
function rotateAll(
  { dot, rotateRows }: RowSpace,
  { place, rows, columns }: PlacedRows,
  others: PlacedRows | undefined,
  squares: Float64Array,
  tolerance: number,
): boolean {
  let rotated = false;
  const rowAt = (p: number) => place + p * columns;
  // Updated by every rotation, and recomputed in every sweep so that rounding errors do not add up.
  for (let p = 0; p < rows; p++) squares[p] = dot(rowAt(p), rowAt(p), columns);
  for (let p = 0; p < rows; p++) {
    for (let q = p + 1; q < rows; q++) {
      if (squares[p] < vanishing || squares[q] < vanishing) continue;
      const product = dot(rowAt(p), rowAt(q), columns);
      if (Math.abs(product) <= tolerance * Math.sqrt(squares[p]) * Math.sqrt(squares[q])) continue;
      const tangent = smallerTangent((squares[q] - squares[p]) / (2 * product));
      rotated = true;
      squares[p] -= tangent * product;
      squares[q] += tangent * product;
      const cosine = 1 / Math.sqrt(1 + tangent * tangent), sine = cosine * tangent;
      rotateRows(rowAt(p), rowAt(q), columns, cosine, sine);
      if (others) {
        const { place, columns } = others;
        rotateRows(place + p * columns, place + q * columns, columns, cosine, sine);
      }
    }
  }
  return rotated;
}

/** The tangent of the smaller of the two angles that make a pair of rows orthogonal. */
function smallerTangent(zeta: number): number {
  return Math.sign(zeta || 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
}
