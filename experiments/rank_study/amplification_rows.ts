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
import { type Grid, type InputMetric, meanGrid } from "./spaces.ts";
import type { StudyModule } from "./study.ts";

/** A way to look at W and ΔW together. */
export interface WeightView {
  /** As in figures. */
  readonly name: string;
  /** The update in this view. */
  update(factors: LowRankFactors, metric: InputMetric): LowRankFactors;
}

/** As printed, and as the layer's inputs see it. */
export const weightViews: readonly WeightView[] = [
  { name: "ΔW", update: (factors) => factors },
  { name: "ΔW·S^½", update: inActivationMetric },
];

/** One layer's W_q and its updates of one rank in one view; means over the seeds. */
export interface AmplificationRow {
  /** The view's name. */
  readonly view: string;
  /** Number of the layer. */
  readonly layer: number;
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
  return weightViews.flatMap((view) =>
    queries.flatMap((module) => {
      const weight = matrixIn(view, module.weight, module.metric);
      const prepared = { weight, own: svd(weight), draws: randomDirections(view, module) };
      return ranks.map((rank) => rowAt(view, module, rank, prepared));
    })
  );
}

interface Prepared {
  readonly weight: DenseMatrix;
  readonly own: Svd;
  readonly draws: readonly Svd[];
}

function rowAt(
  view: WeightView,
  { layer, metric, updates }: StudyModule,
  rank: number,
  { weight, draws, own }: Prepared,
): AmplificationRow {
  const seen = updates.get(rank)!.map((update) => view.update(update, metric));
  const options = { seed: randomSeed, rank, weightValues: own.values };
  const measured = seen.map((update) => amplification(update, weight, options));
  const top = rowsOf(own.left, 0, topDirections);
  const of = (key: "deltaNorm" | "inDelta" | "inWeight" | "weightNorm" | "factor") =>
    mean(measured.map((one) => one[key]));
  const random = draws.map(({ left, right }) => {
    return { left: rowsOf(left, 0, rank), right: rowsOf(right, 0, rank) };
  });
  const byChance = random.map((one) => projectedNorm(weight, one));
  return {
    view: view.name,
    layer,
    rank,
    deltaNorm: of("deltaNorm"),
    weightNorm: of("weightNorm"),
    inDelta: of("inDelta"),
    inRandom: mean(byChance),
    randomSpread: spread(byChance),
    inWeight: of("inWeight"),
    factor: of("factor"),
    overlap: meanGrid(seen.map((update) => similarityGrid(top, updateDirections(update).left))),
    randomOverlap: meanGrid(random.map(({ left }) => similarityGrid(top, left))),
  };
}

/** A whole matrix in a view: an update whose other factor is the identity. */
function matrixIn(view: WeightView, matrix: DenseMatrix, metric: InputMetric): DenseMatrix {
  const { rows, columns } = matrix, B = toTensor(identity(rows));
  const { A } = view.update({ A: toTensor(matrix), B, scaling: 1 }, metric);
  return { rows, columns, data: Float64Array.from(A.data) };
}

/** Directions of Gaussian matrices of W's shape, in the view. */
function randomDirections(view: WeightView, { weight, metric, layer }: StudyModule): Svd[] {
  const random = new Random(randomSeed + layer), { rows, columns } = weight;
  return Array.from(
    { length: randomDraws },
    () => svd(matrixIn(view, gaussian(rows, columns, random), metric)),
  );
}

/** ‖U W Vᵀ‖ with directions as rows. */
function projectedNorm(
  weight: DenseMatrix,
  { left, right }: { readonly left: DenseMatrix; readonly right: DenseMatrix },
): number {
  return frobeniusNorm(multiplyTransposed(left, multiplyTransposed(right, weight)));
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

/** The standard deviation of a sample. */
function spread(values: readonly number[]): number {
  const middle = mean(values), squares = values.map((value) => (value - middle) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / (values.length - 1));
}
