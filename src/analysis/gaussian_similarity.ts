/** The similarity of subspaces by chance, in spaces that prefer some directions. @module */

import type { LowRankFactors } from "../core/low_rank_update.ts";
import { assertOptions } from "../core/options.ts";
import { Random } from "../core/random.ts";
import { type DenseMatrix, gaussian } from "../linalg/mod.ts";
import { toTensor } from "./input.ts";
import { similarityGrid } from "./subspaces.ts";

/** What {@link gaussianSimilarity} draws. */
export interface GaussianSimilarityOptions {
  /** Of the updates, (out, in). */
  readonly shape: readonly [out: number, inner: number];
  /** Of the two updates that are compared. */
  readonly ranks: readonly [number, number];
  /** Of all draws. */
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
