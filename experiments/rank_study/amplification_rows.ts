/** Table 7 and figure 8 measured: an update against the weight that it changes. @module */

import {
  amplification,
  inActivationMetric,
  type LowRankFactors,
  similarityGrid,
  toTensor,
  updateDirections,
} from "../../src/analysis/mod.ts";
import { Random } from "../../src/core/random.ts";
import {
  type DenseMatrix,
  frobeniusNorm,
  gaussian,
  identity,
  multiplyTransposed,
  rowsOf,
  type Svd,
  svd,
} from "../../src/linalg/mod.ts";
import { mean } from "../numbers.ts";
import { type Grid, type InputMetric, meanGrid } from "./spaces.ts";
import type { StudyModule } from "./study.ts";

/** An update as printed, or as the layer's inputs see it. */
type View = (factors: LowRankFactors, metric: InputMetric) => LowRankFactors;

/** The ways to look at W and ΔW together. */
const views: readonly (readonly [name: string, view: View])[] = [
  ["ΔW", (factors) => factors],
  ["ΔW·S^½", inActivationMetric],
];

/** One layer's W_q and its updates of one rank in one view; means over the seeds. */
export interface AmplificationRow {
  /** `ΔW` or `ΔW·S^½`. */
  readonly view: string;
  /** Number of the layer, counted from 1, as tables show it. */
  readonly layer: string;
  /** r. */
  readonly rank: number;
  /** ‖ΔW‖. */
  readonly deltaNorm: number;
  /** ‖W‖. */
  readonly weightNorm: number;
  /** ‖UᵀWVᵀ‖ with ΔW's directions. */
  readonly inDelta: number;
  /** The same with random ones, the mean of {@link randomDraws}. */
  readonly inRandom: number;
  /** Standard deviation of those draws. */
  readonly randomSpread: number;
  /** The same with W's own. */
  readonly inWeight: number;
  /** ‖ΔW‖ / ‖UᵀWVᵀ‖. */
  readonly factor: number;
  /** φ(i, j) between W's first {@link topDirections} left directions and ΔW's. */
  readonly overlap: Grid;
  /** The same between W's and random ones. */
  readonly randomOverlap: Grid;
  /** Length of a left direction. */
  readonly dimensions: number;
}

/** A tenth of the width: the paper's figure 8 goes to 1,176 of 12,288. */
export const topDirections = 26;

/** Random directions that table 7's column is the mean of. */
export const randomDraws = 20;

const randomSeed = 11;

/** A row for every view, layer and rank. */
export function amplificationRows(
  modules: readonly StudyModule[],
  ranks: readonly number[],
): AmplificationRow[] {
  const queries = modules.filter(({ site }) => site === "q");
  return views.flatMap(([name, view]) =>
    queries.flatMap((module) => {
      const rowAt = rowsOfQuery(view, module);
      return ranks.map((rank) => ({
        view: name,
        layer: `${module.layer + 1}`,
        rank,
        ...rowAt(rank),
      }));
    })
  );
}

/** What is measured of W_q, its updates and random ones at any rank. */
function rowsOfQuery(view: View, { layer, weight, metric, updates }: StudyModule) {
  const seen = matrixIn(view, weight, metric), own = svd(seen);
  const draws = randomDirections(view, weight, metric, randomSeed + layer);
  const top = rowsOf(own.left, 0, topDirections);
  return (rank: number): Omit<AmplificationRow, "view" | "layer" | "rank"> => {
    const deltas = updates.get(rank)!.map((update) => view(update, metric));
    const options = { seed: randomSeed, rank, weightValues: own.values };
    const measured = deltas.map((delta) => amplification(delta, seen, options));
    const of = (key: "deltaNorm" | "weightNorm" | "inDelta" | "inWeight" | "factor") =>
      mean(measured.map((one) => one[key]));
    const random = draws.map(({ left, right }) => [rowsOf(left, 0, rank), rowsOf(right, 0, rank)]);
    const byChance = random.map(([U, V]) =>
      frobeniusNorm(multiplyTransposed(U, multiplyTransposed(V, seen)))
    );
    return {
      deltaNorm: of("deltaNorm"),
      weightNorm: of("weightNorm"),
      inDelta: of("inDelta"),
      inRandom: mean(byChance),
      randomSpread: standardDeviation(byChance),
      inWeight: of("inWeight"),
      factor: of("factor"),
      overlap: meanGrid(deltas.map((delta) => similarityGrid(top, updateDirections(delta).left))),
      randomOverlap: meanGrid(random.map(([left]) => similarityGrid(top, left))),
      dimensions: weight.rows,
    };
  };
}

/** A whole matrix in a view: an update whose other factor is the identity. */
function matrixIn(view: View, matrix: DenseMatrix, metric: InputMetric): DenseMatrix {
  const { rows, columns } = matrix, B = toTensor(identity(rows));
  const { A } = view({ A: toTensor(matrix), B, scaling: 1 }, metric);
  return { rows, columns, data: Float64Array.from(A.data) };
}

/** Directions of Gaussian matrices of W's shape, in the view. */
function randomDirections(
  view: View,
  { rows, columns }: DenseMatrix,
  metric: InputMetric,
  seed: number,
): Svd[] {
  const random = new Random(seed);
  const draw = () => svd(matrixIn(view, gaussian(rows, columns, random), metric));
  return Array.from({ length: randomDraws }, draw);
}

/** Of a sample. */
function standardDeviation(values: readonly number[]): number {
  const middle = mean(values), squares = values.map((value) => (value - middle) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / (values.length - 1));
}
