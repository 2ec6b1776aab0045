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
  /** Its role. */
  readonly site: "q" | "v";
  /** Number of its layer, counted from 0. */
  readonly layer: number;
  /** W, (out, in). */
  readonly weight: DenseMatrix;
  /** Of its inputs on the base. */
  readonly metric: InputStatistics;
  /** By rank, one for each seed. */
  readonly updates: ReadonlyMap<number, readonly LowRankFactors[]>;
}

/** An update as in the paper, or in the metric of the layer's inputs. */
type View = (factors: LowRankFactors, metric: InputStatistics) => LowRankFactors;

const asInThePaper: View = (factors) => factors;

/** The ways to look at W and ΔW together. */
const views: Readonly<Record<string, View>> = {
  "ΔW": asInThePaper,
  "ΔW·S^½": inActivationMetric,
};

/** A tenth of the width: the paper's figure 8 goes to 1,176 of 12,288. */
export const topDirections = 26;

/** Random draws that table 7's random column is the mean of. */
export const randomDraws = 20;

const randomSeed = 11;

/** One layer's W_q and its updates of one rank in one view; norms are means over the seeds. */
export type AmplificationRow = ReturnType<typeof amplificationRows>[number];

/** A row for every view, layer and rank. */
export function amplificationRows(modules: readonly AdaptedModule[], ranks: readonly number[]) {
  const queries = modules.filter(({ site }) => site === "q");
  return Object.entries(views).flatMap(([view, seenIn]) =>
    queries.flatMap((module) => {
      const measure = measuring(seenIn, module), layer = `${module.layer + 1}`;
      return ranks.map((rank) => ({ view, layer, rank, ...measure(rank) }));
    })
  );
}

/** Measures at a rank; what does not depend on the rank is computed once. */
function measuring(view: View, { layer, weight, metric, updates }: AdaptedModule) {
  const W = matrixIn(view, weight, metric), own = svd(W);
  const top = rowsOf(own.left, 0, topDirections), random = new Random(randomSeed + layer);
  const draws = Array.from(
    { length: randomDraws },
    () => drawDirections(view, weight, metric, random),
  );
  return (rank: number) => {
    const deltas = updates.get(rank)!.map((update) => view(update, metric));
    const options = { seed: randomSeed, rank, weightValues: own.values };
    const measured = deltas.map((delta) => amplification(delta, W, options));
    const random = draws.map(({ left, right }): Directions => {
      return { left: rowsOf(left, 0, rank), right: rowsOf(right, 0, rank) };
    });
    return {
      ...normsOf(measured, random.map((directions) => normIn(directions, W))),
      ...overlapsOf(top, deltas, random, weight.rows),
    };
  };
}

/** Singular directions, the largest first, one a row. */
type Directions = Readonly<Record<"left" | "right", DenseMatrix>>;

/** ‖UᵀWVᵀ‖. */
const normIn = ({ left, right }: Directions, W: DenseMatrix): number =>
  frobeniusNorm(multiplyTransposed(left, multiplyTransposed(right, W)));

/** Table 7: means over the seeds, and over the random draws. */
function normsOf(measured: readonly Amplification[], byChance: readonly number[]) {
  const meanOf = (key: keyof Amplification) => mean(measured.map((one) => one[key]));
  const deltaNorm = meanOf("deltaNorm"), inRandom = mean(byChance);
  return {
    /** ‖ΔW‖. */
    deltaNorm,
    /** ‖W‖. */
    weightNorm: meanOf("weightNorm"),
    /** ‖UᵀWVᵀ‖ with ΔW's directions, random ones, and W's own. */
    inDelta: meanOf("inDelta"),
    inRandom,
    randomSpread: standardDeviation(byChance),
    inWeight: meanOf("inWeight"),
    /** ‖ΔW‖ / ‖UᵀWVᵀ‖, and with random directions. */
    factor: meanOf("factor"),
    randomFactor: deltaNorm / inRandom,
  };
}

/** Figure 8: W's top left directions beside ΔW's, and random ones. */
function overlapsOf(
  top: DenseMatrix,
  deltas: readonly LowRankFactors[],
  random: readonly Directions[],
  dimensions: number,
) {
  const randomOverlaps = random.map(({ left }) => similarityGrid(top, left));
  const overlap = meanSimilarity(
    deltas.map((delta) => similarityGrid(top, updateDirections(delta).left)),
  );
  return {
    /** φ(i, j); d is `dimensions`. */
    overlap,
    randomOverlap: meanSimilarity(randomOverlaps),
    dimensions,
    /** How many of W's top directions ΔW has beyond chance, and the most that a random matrix has. */
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
): Directions {
  if (view !== asInThePaper) return svd(matrixIn(view, gaussian(rows, columns, random), metric));
  const size = Math.min(rows, columns);
  const draw = (width: number) => orthonormalRows(size, width, random);
  return { left: draw(rows), right: draw(columns) };
}

/** A whole matrix in a view: an update whose other factor is the identity. */
function matrixIn(view: View, matrix: DenseMatrix, metric: InputStatistics): DenseMatrix {
  const { rows, columns } = matrix, B = toTensor(identity(rows));
  const { A } = view({ A: toTensor(matrix), B, scaling: 1 }, metric);
  return { rows, columns, data: Float64Array.from(A.data) };
}
