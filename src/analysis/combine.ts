/** Combining updates: their sum, and what PEFT offers in its place. @module */

import { ShapeError } from "../core/errors.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { mostDeltaValues } from "../core/limits.ts";
import type { LowRankFactors } from "../core/low_rank_update.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import { type DenseMatrix, multiply, scaledBy, svd, transposed } from "../linalg/mod.ts";
import { type CheckedFactors, checkFactors } from "./input.ts";
import { cutSvd } from "./truncate.ts";
import {
  dropped,
  type MajoritySign,
  pruned,
  type TaskValues,
  ties,
  weightedSum,
} from "./task_tensors.ts";
import { nameOfSum, sumFactors, sumUpdates, type WeightedUpdate } from "./weighted_sum.ts";

/**
 * Ways to combine updates. `exact` is their sum; the others have the names of PEFT's `combination_type`. `cat`
 * and `svd` are the sum of all ranks and of one rank; those that end with `_svd` act on ΔW and are cut to a rank;
 * the rest act on A and B separately, which gives products of one update's B with another's A.
 */
export const combinationMethods = [
  ...[
    "exact",
    "cat",
    "svd",
    "linear",
    "ties",
    "ties_svd",
    "dare_linear",
    "dare_linear_svd",
  ] as const,
  ...["dare_ties", "dare_ties_svd", "magnitude_prune", "magnitude_prune_svd"] as const,
] as const;

/** One of {@link combinationMethods}. */
export type CombinationMethod = typeof combinationMethods[number];

/** How {@link combineUpdates} combines. */
export interface CombineOptions {
  /** Default `exact`. */
  readonly method?: CombinationMethod;
  /** Rank of the result, for `exact` and methods on ΔW. Default: the sum of the ranks, or the largest of them. */
  readonly rank?: number;
  /** Share of values that pruning keeps, above 0 and at most 1, for methods that prune. */
  readonly density?: number;
  /** How TIES elects signs: by the sum of the values, or by the number of signs. Default `total`. */
  readonly sign?: MajoritySign;
  /** Uniform numbers in [0, 1), for DARE: one for each value, update by update, those of A before those of B. */
  readonly draw?: () => number;
}

/** Whether a method keeps a share of the values alone. */
export const isPruning = (method: CombinationMethod): boolean =>
  /^(ties|dare|magnitude)/.test(method);

/** Whether a method draws which values it keeps. */
export const isRandom = (method: CombinationMethod): boolean => method.startsWith("dare");

/** Whether a method ends with the best approximation of a rank. */
export const isCut = (method: CombinationMethod): boolean =>
  method === "exact" || method.endsWith("svd");

/**
 * One update from several, with a scaling of 1, its factors in F32.
 *
 * As in PEFT 0.21 `linear` is A′ = Σ ±√|wᵢ sᵢ| Aᵢ and B′ = Σ √|wᵢ sᵢ| Bᵢ, with the sign in A; the methods that
 * prune take the place of these sums, or of Σ wᵢ ΔWᵢ (Yadav et al. 2023, TIES; Yu et al. 2024, DARE).
 * {@link sumError} says how far the result is from Σ wᵢ ΔWᵢ.
 *
 * @throws {ShapeError} when A and B do not fit each other, or the updates have different shapes, or, where a
 * method acts on A and B, different ranks.
 * @throws {RangeError} when there is no update, a value is not finite, or an option is missing, out of its range,
 * or of another method.
 *
 * @example
 * ```ts
 * import { combineUpdates } from "@lowrank/core/analysis";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(1, 2) };
 * const update = { A, B: { shape: [2, 1], data: Float32Array.of(3, 1) }, scaling: 2 };
 * const difference = combineUpdates([{ update, weight: 1 }, { update, weight: -1 }]);
 * console.log(difference.B.data); // [6, -6, 2, -2]
 * ```
 */
export function combineUpdates(
  terms: readonly WeightedUpdate[],
  options: CombineOptions = {},
): LowRankFactors {
  const { method = "exact", rank } = options;
  assertCombineOptions(options);
  if (method === "exact" || method === "cat") return sumUpdates(terms, rank);
  sumFactors(terms); // checks them
  const most = rank ?? Math.max(...terms.map(({ update: { A } }) => A.shape[0]));
  if (method === "svd") return sumUpdates(terms, most);
  return isCut(method) ? ofDelta(terms, options, most) : ofFactors(terms, options);
}

/**
 * Throws unless a method has the options that it needs, and no other.
 *
 * @throws {RangeError} then.
 */
export function assertCombineOptions(options: CombineOptions): void {
  const { method = "exact", rank, density, sign, draw } = options;
  const need = (rule: string, found: unknown) => {
    throw new RangeError(`combining by ${method} needs ${rule}, found ${found}`);
  };
  if (rank !== undefined && !(Number.isInteger(rank) && rank >= 1)) {
    need("a rank of at least 1", rank);
  }
  if (rank !== undefined && !isCut(method)) {
    need("no rank, as its own is that of the updates", rank);
  }
  if (isPruning(method)) {
    if (!(density! > 0 && density! <= 1)) {
      need(
        "a density above 0 and at most 1",
        density ?? "none: pass density, or --density on the command line",
      );
    }
  } else if (density !== undefined) need("no density, as it prunes nothing", density);
  if (sign !== undefined && !method.includes("ties")) need("no way to elect signs", sign);
  if (isRandom(method) && !draw) need("random numbers, draw", "none");
}

/** The methods on tensors, by their names without `_svd`. */
function merged(
  tensors: readonly TaskValues[],
  weights: readonly number[],
  { method, density = 1, sign, draw }: CombineOptions,
): TaskValues {
  const kind = method!.replace("_svd", "");
  if (kind === "linear") return weightedSum(tensors, weights);
  const kept = tensors.map((tensor) =>
    isRandom(method!) ? dropped(tensor, density, draw!) : pruned(tensor, density)
  );
  return kind.endsWith("ties") ? ties(kept, weights, sign) : weightedSum(kept, weights);
}

function ofDelta(
  terms: readonly WeightedUpdate[],
  options: CombineOptions,
  rank: number,
): LowRankFactors {
  assertFormed(terms, options);
  const deltas = terms.map(({ update }) => deltaOf(checkFactors(update)));
  const data = merged(deltas.map(({ data }) => data), terms.map(({ weight }) => weight), options);
  const { A, B, scaling } = cutSvd(svd({ ...deltas[0], data }), rank, 1, nameOfSum(terms));
  return { A, B, scaling };
}

/** A and B of a file may be small where their product is not. */
function assertFormed(terms: readonly WeightedUpdate[], { method }: CombineOptions): void {
  const [{ update: { A, B } }] = terms, shape = [B.shape[0], A.shape[1]];
  if (shape[0] * shape[1] <= mostDeltaValues) return;
  throw new RangeError(
    `combining by ${method} forms updates as matrices of at most ${mostDeltaValues} values, found ${
      formatShape(shape)
    } in ${nameOfSum(terms)}: exact and svd form none`,
  );
}

const deltaOf = ({ A, Bt, scaling }: CheckedFactors): DenseMatrix =>
  scaledBy(multiply(transposed(Bt), A), scaling);

function ofFactors(terms: readonly WeightedUpdate[], options: CombineOptions): LowRankFactors {
  assertOneRank(terms, options);
  const products = terms.map(({ update, weight }) => weight * update.scaling);
  const roots = products.map((product) => Math.sqrt(Math.abs(product)));
  const signed = roots.map((root, i) => products[i] < 0 ? -root : root);
  const A = mergedFactor(terms.map(({ update }) => update.A), signed, options);
  return { A, B: mergedFactor(terms.map(({ update }) => update.B), roots, options), scaling: 1 };
}

function mergedFactor(
  factors: readonly HostTensor[],
  weights: readonly number[],
  options: CombineOptions,
): HostTensor {
  const values = factors.map(({ data }) => Float64Array.from(data));
  return { shape: factors[0].shape, data: Float32Array.from(merged(values, weights, options)) };
}

function assertOneRank(terms: readonly WeightedUpdate[], { method }: CombineOptions): void {
  const [first, ...others] = terms.map(({ update: { A } }) => A.shape);
  const other = others.find((shape) => !sameShape(shape, first));
  if (other === undefined) return;
  throw new ShapeError(
    `combining by ${method} needs updates of one rank in ${nameOfSum(terms)}, found A of ${
      formatShape(first)
    } and ${
      formatShape(other)
    }: exact takes any, and so do svd and the methods that end with _svd; ` +
      "or cut the longer to one rank first (truncateUpdate, lowrank resize)",
  );
}
