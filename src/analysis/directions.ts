/** Orthonormal directions of adapters, largest first, for comparing subspaces. @module */

import type { LowRankFactors } from "../core/low_rank_update.ts";
import { type DenseMatrix, rowsOf, type Svd, svd } from "../linalg/mod.ts";
import { type Matrix, nameOf, toDense } from "./input.ts";
import { numericalRank } from "./measures.ts";
import { float32Epsilon } from "./spectrum.ts";
import { updateSvd } from "./update_svd.ts";

/**
 * Right singular vectors of A (rank, in), one per row, as in section 7.2 of the paper: (k, in) with k
 * the numerical rank of A. Appendix G says left vectors, but those of A are in a different space for
 * each rank.
 *
 * @throws {ShapeError} when A is not a matrix.
 * @throws {RangeError} when a value is not finite, or all are zero.
 *
 * @example
 * ```ts
 * import { rightDirections, similarityGrid } from "@lowrank/core/analysis";
 *
 * const one = rightDirections({ shape: [1, 2], data: Float32Array.of(1, 0) });
 * const two = rightDirections({ shape: [1, 2], data: Float32Array.of(1, 1) });
 * console.log(similarityGrid(one, two)); // [[0.5]]
 * ```
 */
export function rightDirections(A: Matrix, name?: string): DenseMatrix {
  const what = name === undefined ? "A of the update" : `A of the update of ${name}`;
  const matrix = toDense(A, what), { values, right } = svd(matrix);
  return leading(right, numericalRank(values, matrix.rows, matrix.columns, float32Epsilon), what);
}

/** Left (k, out) and right (k, in) singular vectors of ΔW, one per row; k is its numerical rank. */
export interface UpdateDirections {
  /** Where ΔW writes to. */
  readonly left: DenseMatrix;
  /** What ΔW reads. */
  readonly right: DenseMatrix;
}

/**
 * The meaningful singular vectors of ΔW = s B A: those whose singular values are above rounding error.
 *
 * @throws {ShapeError} when A and B do not fit each other, or the rank is 0 or above both sides.
 * @throws {RangeError} when a value is not finite, or the update is zero and has no directions. Both
 * name the module.
 */
export function updateDirections(factors: LowRankFactors): UpdateDirections {
  return directionsOf(updateSvd(factors), nameOf(factors));
}

function directionsOf({ left, values, right }: Svd, what: string): UpdateDirections {
  const rank = numericalRank(values, left.columns, right.columns, float32Epsilon);
  return { left: leading(left, rank, what), right: leading(right, rank, what) };
}

function leading(vectors: DenseMatrix, rank: number, what: string): DenseMatrix {
  if (rank === 0) throw new RangeError(`${what} must not be zero: it has no directions then`);
  return rowsOf(vectors, 0, rank);
}
