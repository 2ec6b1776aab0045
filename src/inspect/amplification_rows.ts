/** Table 7 and figure 8 measured: an update against the weight that it changes. @module */

import {
  type Amplification,
  amplification,
  inActivationMetric,
  type InputStatistics,
  type LowRankFactors,
  meanSimilarity,
  similarityGrid,
  toTensor,
  updateDirections,
} from "../analysis/mod.ts";
import { type Grid, phi } from "../analysis/subspaces.ts";
import { assertOptions } from "../core/checks.ts";
import { mean, standardDeviation } from "../core/numbers.ts";
import { Random } from "../core/random.ts";
import {
  type DenseMatrix,
  frobeniusNorm,
  gaussian,
  identity,
  multiplyTransposed,
  orthonormalRows,
  rowsOf,
  svd,
} from "../linalg/mod.ts";

/** One adapted matrix with its updates. */
export interface AdaptedModule {
  /** Its role, or another name. */
  readonly site: string;
  /** Number of its layer, counted from 0. */
  readonly layer: number;
  /** W, (out, in). */
  readonly weight: DenseMatrix;
  /** Statistics of its inputs on the base; any, where nothing is seen in them. */
  readonly metric: InputStatistics;
  /** Updates by rank, one for each seed. */
  readonly updates: ReadonlyMap<number, readonly LowRankFactors[]>;
}

/** An update as in the paper, or in the metric of the layer's inputs. */
type View = (factors: LowRankFactors, metric: InputStatistics) => LowRankFactors;

const asInThePaper: View = (factors) => factors;

/** The ways to look at W and ΔW together. */
const views: Readonly<Record<string, View>> = { "ΔW": asInThePaper, "ΔW·S^½": inActivationMetric };

/** A tenth of W's directions, rounded: "top 10%" in figure 8, whose axis goes to 1,176 of 12,288. */
export const topDirectionsOf = (directions: number): number =>
  Math.max(1, Math.round(directions / 10));

/** Random draws that table 7's random column is the mean of, unless it is said. */
export const randomDraws = 20;

/** Options of {@link amplificationRows}. */
export interface AmplificationRowsOptions {
  /** W's top directions of Figure 8. Default: a tenth of all, as in the paper. */
  readonly topDirections?: number;
  /** Random draws, at least two, which chance is the mean of. Default: 20. */
  readonly randomDraws?: number;
  /** Seed of the random directions. Default: 11. */
  readonly seed?: number;
  /** Directions of each draw, which bound the ranks and cost most of the time. Default: as many as W has. */
  readonly randomDirections?: number;
  /**
   * True to measure W and ΔW in the metric of the inputs, too, at a decomposition for every draw.
   * Default: true.
   */
  readonly inMetric?: boolean;
}

/** One layer's W and its updates of one rank in one view; norms are means over the seeds. */
export interface AmplificationRow extends AmplificationNorms, DirectionOverlaps {
  /** `ΔW`, or `ΔW·S^½`: both W and ΔW in the metric of the layer's inputs. */
  readonly view: string;
  /** The module's. */
  readonly site: string;
  /** Number of the layer, counted from 1. */
  readonly layer: string;
  /** r. */
  readonly rank: number;
  /** The rows that two of its means are taken from, seed by seed. */
  readonly bySeed: readonly Pick<AmplificationRow, "inDelta" | "pickedUp">[];
}

/**
 * Table 7 and Figure 8 of the paper (Hu et al. 2021, section 7.3 and appendix H.4) with chance beside each number: a
 * row for every view, module and rank.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when W has fewer directions than are asked for, or an update than the rank.
 */
export function amplificationRows(
  modules: readonly AdaptedModule[],
  ranks: readonly number[],
  options: AmplificationRowsOptions = {},
): AmplificationRow[] {
  assertOptions("amplificationRows", options, {
    ...{ topDirections: true, randomDraws: true, randomDirections: true },
    ...{ seed: true, inMetric: true },
  });
  const seen = Object.entries(views).slice(0, options.inMetric === false ? 1 : 2);
  return seen.flatMap(([view, seenIn]) =>
    modules.flatMap((module) => {
      const measure = measuring(seenIn, module, options), { site } = module;
      return ranks.map((rank) => {
        return { view, site, layer: `${module.layer + 1}`, rank, ...measure(rank) };
      });
    })
  );
}

/** Measures at a rank; what does not depend on the rank is computed once. */
function measuring(
  view: View,
  { layer, weight, metric, updates }: AdaptedModule,
  options: AmplificationRowsOptions,
) {
  const W = matrixIn(view, weight, metric), own = svd(W), { seed = 11 } = options;
  const { topDirections = topDirectionsOf(own.left.rows) } = options;
  if (topDirections > own.left.rows) {
    throw new RangeError(
      `topDirections must be at most the ${own.left.rows} of the weight, found ${topDirections}`,
    );
  }
  const top = rowsOf(own.left, 0, topDirections), random = new Random(seed + layer);
  const draws = Array.from(
    { length: options.randomDraws ?? randomDraws },
    () => drawDirections(view, weight, metric, random, options.randomDirections),
  );
  return (rank: number) => {
    const deltas = updates.get(rank)!.map((update) => view(update, metric));
    const options = { seed, rank, weightValues: own.values };
    const measured = deltas.map((delta) => amplification(delta, W, options));
    const random = draws.map(({ left, right }): Directions => {
      return { left: rowsOf(left, 0, rank), right: rowsOf(right, 0, rank) };
    });
    const overlaps = deltas.map((delta) => similarityGrid(top, updateDirections(delta).left));
    return {
      ...normsOf(measured, random.map((directions) => normIn(directions, W))),
      ...overlapsOf(overlaps, random.map(({ left }) => similarityGrid(top, left)), weight.rows),
      bySeed: measured.map(({ inDelta }, seed) => {
        return { inDelta, pickedUp: pickedUp(overlaps[seed], weight.rows) };
      }),
    };
  };
}

/** Singular directions, the largest first, one a row. */
type Directions = Readonly<Record<"left" | "right", DenseMatrix>>;

/** ‖UᵀWV‖. */
const normIn = ({ left, right }: Directions, W: DenseMatrix): number =>
  frobeniusNorm(multiplyTransposed(left, multiplyTransposed(right, W)));

/** Table 7. */
export interface AmplificationNorms {
  /** ‖ΔW‖. */
  readonly deltaNorm: number;
  /** ‖W‖. */
  readonly weightNorm: number;
  /** ‖UᵀWV‖ with ΔW's directions. */
  readonly inDelta: number;
  /** ‖UᵀWV‖ with random directions: the mean of the draws. */
  readonly inRandom: number;
  /** Standard deviation of one draw. */
  readonly randomSpread: number;
  /** ‖UᵀWV‖ with W's own directions. */
  readonly inWeight: number;
  /** ‖ΔW‖ / ‖UᵀWV‖. */
  readonly factor: number;
  /** ‖ΔW‖ / ‖UᵀWV‖ with random directions. */
  readonly randomFactor: number;
}

/** Means over the seeds, and over the random draws. */
function normsOf(
  measured: readonly Amplification[],
  byChance: readonly number[],
): AmplificationNorms {
  const meanOf = (key: keyof Amplification) => mean(measured.map((one) => one[key]));
  const deltaNorm = meanOf("deltaNorm"), inRandom = mean(byChance);
  return {
    deltaNorm,
    weightNorm: meanOf("weightNorm"),
    inDelta: meanOf("inDelta"),
    inRandom,
    randomSpread: standardDeviation(byChance),
    inWeight: meanOf("inWeight"),
    factor: meanOf("factor"),
    randomFactor: deltaNorm / inRandom,
  };
}

/** Figure 8: W's top left directions beside ΔW's, and random ones. */
export interface DirectionOverlaps {
  /** φ(i, j) of W's first i and ΔW's first j. */
  readonly overlap: readonly (readonly number[])[];
  /** The same with random directions in place of ΔW's. */
  readonly randomOverlap: readonly (readonly number[])[];
  /** d: φ(i, j) is max(i, j) / d by chance. */
  readonly dimensions: number;
  /** Number of W's top directions that ΔW has beyond chance. */
  readonly pickedUp: number;
  /** The most that a random draw has. */
  readonly randomPickedUp: number;
}

function overlapsOf(
  overlaps: readonly Grid[],
  randomOverlaps: readonly Grid[],
  dimensions: number,
): DirectionOverlaps {
  const overlap = meanSimilarity(overlaps);
  return {
    overlap,
    randomOverlap: meanSimilarity(randomOverlaps),
    dimensions,
    pickedUp: pickedUp(overlap, dimensions),
    randomPickedUp: Math.max(...randomOverlaps.map((grid) => pickedUp(grid, dimensions))),
  };
}

/** ‖UᵀV‖² of all directions down and across, which by chance is their product / d, less that. */
function pickedUp(grid: Grid, dimensions: number): number {
  const down = grid.length, across = grid[0].length;
  return Math.min(down, across) * phi(grid, down, across) - down * across / dimensions;
}

/** Singular directions of a Gaussian matrix of W's shape: without a metric, random orthonormal rows. */
function drawDirections(
  view: View,
  { rows, columns }: DenseMatrix,
  metric: InputStatistics,
  random: Random,
  most = Infinity,
): Directions {
  if (view !== asInThePaper) return svd(matrixIn(view, gaussian(rows, columns, random), metric));
  const size = Math.min(rows, columns, most);
  const draw = (width: number) => orthonormalRows(size, width, random);
  return { left: draw(rows), right: draw(columns) };
}

/** A whole matrix in a view: an update whose other factor is the identity. */
function matrixIn(view: View, matrix: DenseMatrix, metric: InputStatistics): DenseMatrix {
  const { rows, columns } = matrix, B = toTensor(identity(rows));
  const { A } = view({ A: toTensor(matrix), B, scaling: 1 }, metric);
  return { rows, columns, data: Float64Array.from(A.data) };
}
