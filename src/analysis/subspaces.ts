/**
 * Compares subspaces by the paper's φ: those of matrices, those of the directions of updates, and
 * the similarity expected by chance.
 *
 * @module
 */

import { assertOptions } from "../core/checks.ts";
import { ShapeError } from "../core/errors.ts";
import { Random } from "../core/random.ts";
import type { LowRankFactors } from "../core/update.ts";
import {
  type DenseMatrix,
  gaussian,
  multiply,
  multiplyTransposed,
  rowsOf,
  singularValues,
  type Svd,
  svd,
} from "../linalg/mod.ts";
import { type Matrix, nameOf, toDense, toTensor } from "./input.ts";
import { numericalRank } from "./measures.ts";
import { float32Epsilon, updateSvd } from "./spectrum.ts";

// Similarity.

/** φ(i, j) at [i − 1][j − 1]. */
export type Grid = readonly (readonly number[])[];

/** φ(i, j), counted from 1 as in the paper. */
export const phi = (grid: Grid, i: number, j: number): number => grid[i - 1][j - 1];

/**
 * φ(i, j) = ‖Uᵢ Vⱼᵀ‖_F² / min(i, j) for all i and j, where Uᵢ and Vⱼ are the first i and j rows: 0 for
 * orthogonal subspaces, 1 if one contains the other (section 7.2, equation 4 of the paper).
 *
 * All values come from one product: the squares of U Vᵀ, summed cumulatively along both axes. Plot
 * `randomSimilarity` next to it: in a space of few dimensions chance alone looks like similarity.
 *
 * @param one (k, d), orthonormal rows: see `rightDirections` and `updateDirections`.
 * @param two (l, d), orthonormal rows.
 * @returns k lists of l values; φ(i, j) is at [i − 1][j − 1].
 * @throws {ShapeError} when the spaces differ.
 */
export function similarityGrid(one: DenseMatrix, two: DenseMatrix): number[][] {
  assertOneSpace(one, two);
  const products = multiplyTransposed(one, two), above = new Float64Array(two.rows);
  return Array.from({ length: one.rows }, (_, i) => {
    let row = 0;
    return Array.from({ length: two.rows }, (_, j) => {
      row += products.data[i * two.rows + j] ** 2;
      above[j] += row;
      return above[j] / (Math.min(i, j) + 1);
    });
  });
}

/**
 * φ of the directions `from` to `to` of both alone, counted from 1: ‖U Vᵀ‖_F² / (to − from + 1) of these rows. φ(2..8)
 * says whether two updates share more than their first direction, which φ(8, 8) contains; Figure 3 of the paper asks
 * it of r = 8 and 64. By chance it is (to − from + 1) / d.
 *
 * @throws {RangeError} when the grid does not have these directions.
 *
 * @example
 * ```ts
 * import { blockSimilarity, similarityGrid } from "@lowrank/core/analysis";
 *
 * const one = { rows: 2, columns: 3, data: Float64Array.of(1, 0, 0, 0, 1, 0) };
 * const other = { rows: 2, columns: 3, data: Float64Array.of(1, 0, 0, 0, 0, 1) };
 * const grid = similarityGrid(one, other);
 * console.log(grid[1][1], blockSimilarity(grid, 2, 2)); // 0.5 0
 * ```
 */
export function blockSimilarity(
  grid: readonly (readonly number[])[],
  from: number,
  to: number,
): number {
  const most = Math.min(grid.length, grid[0].length), before = from - 1;
  if (!([from, to].every(Number.isInteger) && from >= 1 && from <= to && to <= most)) {
    throw new RangeError(`directions must be within 1 … ${most}, found ${from} … ${to}`);
  }
  const squares = (i: number, j: number) => i && j && Math.min(i, j) * phi(grid, i, j);
  const own = squares(to, to) - squares(before, to) - squares(to, before) + squares(before, before);
  return Math.max(0, own) / (to - before); // rounding may leave less than nothing
}

/**
 * φ(i, i) between the right singular spaces of two matrices, such as updates of one layer: of the inputs that
 * they read (section 7.2 of the paper, on ΔW).
 */
export function rightSimilarity(one: DenseMatrix, two: DenseMatrix, i: number): number {
  const [U, V] = [one, two].map((matrix) => rowsOf(svd(matrix).right, 0, i));
  return similarityGrid(U, V)[i - 1][i - 1];
}

/** Expected φ(i, j) of random subspaces. */
export interface RandomSimilarity {
  /** max(i, j) / d: exactly, not in the limit. */
  readonly mean: number;
  /** Standard deviation for one pair of subspaces. */
  readonly standardDeviation: number;
}

/**
 * Mean and spread of φ(i, j) between two subspaces of d dimensions, at least one of which is uniformly
 * random.
 *
 * A random projection has the mean j / d times the identity, so E ‖Uᵢ Vⱼᵀ‖² = i j / d; its variance is
 * 2 i j (d − i) (d − j) / (d² (d − 1) (d + 2)).
 *
 * @throws {RangeError} when i or j is not in 1 … d.
 */
export function randomSimilarity(i: number, j: number, d: number): RandomSimilarity {
  if (![i, j].every((size) => Number.isInteger(size) && size >= 1 && size <= d)) {
    throw new RangeError(`subspaces must have 1 … ${d} dimensions, found ${i} and ${j}`);
  }
  const variance = d === 1 ? 0 : 2 * i * j * (d - i) * (d - j) / (d ** 2 * (d - 1) * (d + 2));
  return { mean: Math.max(i, j) / d, standardDeviation: Math.sqrt(variance) / Math.min(i, j) };
}

/**
 * The angles between two subspaces in radians, smallest first; cos θₖ = σₖ(U Vᵀ).
 *
 * Small angles are computed from their sines, as cosines near 1 cannot tell them apart (Björck and
 * Golub 1973).
 *
 * @param one (k, d), orthonormal rows.
 * @param two (l, d), orthonormal rows.
 * @returns min(k, l) angles in [0, π / 2].
 * @throws {ShapeError} when the spaces differ.
 */
export function principalAngles(one: DenseMatrix, two: DenseMatrix): number[] {
  assertOneSpace(one, two);
  if (one.rows < two.rows) return principalAngles(two, one);
  const products = multiplyTransposed(two, one), cosines = singularValues(products);
  if (cosines[0] < Math.SQRT1_2) return Array.from(cosines, Math.acos); // no sine is needed
  const rest = multiply(products, one);
  for (let i = 0; i < rest.data.length; i++) rest.data[i] = two.data[i] - rest.data[i];
  const sines = singularValues(rest).reverse();
  return Array.from(cosines, (cosine, k) => {
    const sine = Math.min(1, sines[k - cosines.length + sines.length]);
    return cosine < Math.SQRT1_2 ? Math.acos(cosine) : Math.asin(sine);
  });
}

function assertOneSpace(one: DenseMatrix, two: DenseMatrix): void {
  if (one.columns === two.columns) return;
  throw new ShapeError(
    `subspaces must be in one space, found ${one.columns} and ${two.columns} dimensions`,
  );
}

// Directions of updates.

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
  /** Directions that ΔW writes to. */
  readonly left: DenseMatrix;
  /** Directions that ΔW reads. */
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

// Similarity by chance.

/** Options of {@link gaussianSimilarity}. */
export interface GaussianSimilarityOptions {
  /** Shape of the updates, (out, in). */
  readonly shape: readonly [out: number, inner: number];
  /** Ranks of the two updates that are compared. */
  readonly ranks: readonly [number, number];
  /** Seed of all draws. */
  readonly seed: number;
  /** Pairs of updates. Default 20. */
  readonly pairs?: number;
}

/**
 * φ(i, j) by chance where `randomSimilarity` does not apply: the mean over pairs of updates whose A and
 * B are Gaussian. In ΔW·S^½ even random updates are similar, because their inputs are the same.
 *
 * @param directions Takes an update's directions, orthonormal rows, as it does for those it is a control of.
 * @returns φ(i, j) at [i − 1][j − 1].
 *
 * @example
 * ```ts
 * import { gaussianSimilarity, updateDirections } from "@lowrank/core/analysis";
 *
 * const options = { shape: [64, 64], ranks: [2, 8], seed: 1 } as const;
 * const phi = gaussianSimilarity((update) => updateDirections(update).right, options);
 * console.log(phi[1][7]); // about max(2, 8) / 64
 * ```
 */
export function gaussianSimilarity(
  directions: (update: LowRankFactors) => DenseMatrix,
  options: GaussianSimilarityOptions,
): number[][] {
  assertOptions("gaussianSimilarity", options, {
    shape: true,
    ranks: true,
    seed: true,
    pairs: true,
  });
  const { shape: [out, inner], ranks, seed, pairs = 20 } = options;
  const random = new Random(seed);
  const draw = (rank: number) => {
    const A = toTensor(gaussian(rank, inner, random)), B = toTensor(gaussian(out, rank, random));
    return directions({ A, B, scaling: 1 });
  };
  const pair = () => similarityGrid(draw(ranks[0]), draw(ranks[1]));
  return meanSimilarity(Array.from({ length: pairs }, pair));
}

/** The mean of grids of φ, at least one, over the part that all have. */
export function meanSimilarity(grids: readonly (readonly (readonly number[])[])[]): number[][] {
  const rows = Math.min(...grids.map((grid) => grid.length));
  const columns = Math.min(...grids.map(([row]) => row.length));
  const mean = (i: number, j: number) =>
    grids.reduce((sum, grid) => sum + grid[i][j], 0) / grids.length;
  return Array.from(
    { length: rows },
    (_, i) => Array.from({ length: columns }, (_, j) => mean(i, j)),
  );
}
