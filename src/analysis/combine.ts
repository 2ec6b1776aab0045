/**
 * Combines updates: their weighted sum, and the methods of PEFT's `merge_utils` (TIES, DARE,
 * magnitude pruning), in float64.
 *
 * @module
 */

import { ShapeError } from "../core/errors.ts";
import { mostDeltaValues } from "../core/limits.ts";
import { formatShape, type HostTensor, sameShape } from "../core/tensor.ts";
import { assertScaling, type LowRankFactors } from "../core/update.ts";
import {
  type DenseMatrix,
  frobeniusNorm,
  multiply,
  scaledBy,
  stackedRows,
  svd,
  transposed,
} from "../linalg/mod.ts";
import { type CheckedFactors, checkFactors, nameOf } from "./input.ts";
import { truncationError } from "./measures.ts";
import { cutSvd, factorsCore, factorsSingularValues, factorsSvd } from "./spectrum.ts";

// Combinations.

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

/** Options of {@link combineUpdates}. */
export interface CombineOptions {
  /** Default `exact`. */
  readonly method?: CombinationMethod;
  /** Rank of the result, for `exact` and methods on ΔW. Default: the sum of the ranks, or the largest of them. */
  readonly rank?: number;
  /** Share of values that pruning keeps, above 0 and at most 1, for methods that prune. */
  readonly density?: number;
  /**
   * TIES's rule for electing signs: by the sum of the values, or by the number of signs. Default
   * `total`.
   */
  readonly sign?: MajoritySign;
  /** Uniform numbers in [0, 1), for DARE: one for each value, update by update, those of A before those of B. */
  readonly draw?: () => number;
}

/** True if a method keeps only a share of the values. */
const isPruning = (method: CombinationMethod): boolean => /^(ties|dare|magnitude)/.test(method);

/** True if a method draws the values that it keeps. */
export const isRandom = (method: CombinationMethod): boolean => method.startsWith("dare");

/** True if a method ends with the best approximation of a rank. */
export const isCut = (method: CombinationMethod): boolean =>
  method === "exact" || method.endsWith("svd");

/**
 * Combines several updates into one, with a scaling of 1 and factors in F32.
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
 * Asserts that a method has the options that it needs, and no other.
 *
 * @throws {RangeError} when it lacks one or has another.
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

// Weighted sums.

/** An update of a sum. */
export interface WeightedUpdate {
  /** ΔWᵢ = s B A. */
  readonly update: LowRankFactors;
  /** wᵢ, of any sign. */
  readonly weight: number;
}

/** Distance of an update from a sum, in Frobenius norms. */
export interface SumError {
  /** ‖Σ wᵢ ΔWᵢ − ΔW′‖ of the factors as they are given. */
  readonly frobenius: number;
  /** `frobenius` / `norm`; 0 where both are rounding errors. */
  readonly relative: number;
  /** ‖Σ wᵢ ΔWᵢ‖; 0 where the updates cancel but for rounding. */
  readonly norm: number;
  /** The least `relative` that an update of the rank of ΔW′ can have (Eckart and Young 1936). */
  readonly least: number;
}

/** Relative norm of the rounding errors that remain of updates that cancel. */
const cancellation = 2 ** -44;

/**
 * Σ wᵢ ΔWᵢ as factors with a scaling of 1: all A one below the other, all wᵢ sᵢ Bᵢ side by side. Nothing is
 * rounded but wᵢ sᵢ Bᵢ to F32; updates of weight 0 are left out. Where the ranks' sum is above the smaller side of ΔW, or above `rank`, it is the
 * best approximation of that rank instead (Eckart and Young 1936).
 *
 * @param rank The most that the result may have. Default: what the sum needs.
 * @throws {ShapeError} when A and B do not fit each other, or the updates have different shapes.
 * @throws {RangeError} when there is no update, or a value is not finite.
 */
export function sumUpdates(terms: readonly WeightedUpdate[], rank = Infinity): LowRankFactors {
  const acting = terms.filter(({ weight }) => weight !== 0);
  const sum = sumFactors(acting.length > 0 ? acting : terms), { A, Bt } = sum;
  const most = Math.min(rank, A.columns, Bt.columns);
  if (A.rows > most) {
    const { error: _, ...factors } = cutSvd(
      factorsSvd(sum, nameOfSum(terms)),
      most,
      1,
      nameOfSum(terms),
    );
    return factors;
  }
  return { A: tensor(A), B: tensor(transposed(Bt)), scaling: 1 };
}

/**
 * The certificate of a combination: how far its factors, as they are stored, are from Σ wᵢ ΔWᵢ, without forming
 * either. [wᵢ sᵢ Bᵢ, −s B] [Aᵢ; A] is the difference, and its norm that of a small matrix.
 *
 * @throws {ShapeError} when A and B do not fit each other, or the updates have different shapes.
 * @throws {RangeError} when there is no update, or a value is not finite.
 *
 * @example
 * ```ts
 * import { combineUpdates, sumError } from "@lowrank/core/analysis";
 *
 * const unit = (i: number, size: number) => Float32Array.from([0, 1], (j) => i === j ? size : 0);
 * const update = (i: number, size: number) => ({
 *   A: { shape: [1, 2], data: unit(i, 1) },
 *   B: { shape: [2, 1], data: unit(i, size) },
 *   scaling: 1,
 * });
 * const terms = [{ update: update(0, 4), weight: 1 }, { update: update(1, 6), weight: 0.5 }];
 * console.log(sumError(terms, combineUpdates(terms, { rank: 1 })).relative); // 3 / 5
 * ```
 */
export function sumError(terms: readonly WeightedUpdate[], factors: LowRankFactors): SumError {
  const sum = sumFactors(terms), what = nameOfSum(terms);
  const norms = terms.map(({ update, weight }) => {
    return Math.abs(weight) * frobeniusNorm(factorsCore(checkFactors(update), nameOf(update)));
  });
  const floor = cancellation * norms.reduce((total, norm) => total + norm, 0);
  const above = (value: number) => value > floor ? value : 0;
  const values = factorsSingularValues(sum, what), rank = factors.A.shape[0];
  const norm = above(truncationError(values, 0).frobenius);
  const rest = sumFactors([...terms, { update: factors, weight: -1 }]);
  const frobenius = above(frobeniusNorm(factorsCore(rest, what)));
  return {
    frobenius,
    relative: frobenius === 0 ? 0 : frobenius / norm,
    norm,
    least: norm === 0 ? 0 : above(truncationError(values, rank).frobenius) / norm,
  };
}

/** The factors of a sum in float64, of a rank that may be above its sides. */
function sumFactors(terms: readonly WeightedUpdate[]): CheckedFactors {
  if (terms.length === 0) throw new RangeError("a sum needs at least one update, found none");
  const all = terms.map(({ update, weight }) => {
    assertWeight(weight, update);
    const { A, Bt, scaling } = checkFactors(update);
    return { A, Bt: scaledBy(Bt, weight * scaling) };
  });
  const [first] = all;
  for (const { A, Bt } of all) {
    if (A.columns === first.A.columns && Bt.columns === first.Bt.columns) continue;
    const [one, other] = [first, { A, Bt }].map((each) =>
      formatShape([each.Bt.columns, each.A.columns])
    );
    throw new ShapeError(
      `${nameOfSum(terms)} needs updates of one shape, found ${one} and ${other}`,
    );
  }
  const [A, Bt] = [all.map(({ A }) => A), all.map(({ Bt }) => Bt)].map(stackedRows);
  return { A, Bt, scaling: 1 };
}

/** Devices apply weights with the scalings, in F32. */
function assertWeight(weight: number, update: LowRankFactors): void {
  if (Number.isFinite(weight)) {
    return assertScaling(weight * update.scaling, `${nameOf(update)} with its weight`);
  }
  throw new RangeError(`the weight of ${nameOf(update)} must be finite, found ${weight}`);
}

/** The name of a sum in messages. */
function nameOfSum([{ update }]: readonly WeightedUpdate[]): string {
  const name = nameOf(update);
  return name === "the update" ? "the sum" : name.replace("the update", "the sum");
}

const tensor = ({ rows, columns, data }: DenseMatrix): HostTensor => ({
  ...{ shape: [rows, columns], data: Float32Array.from(data) },
});

// Tensors of several tasks.

/** A tensor's values. */
export type TaskValues = Float64Array<ArrayBuffer>;

/** TIES's rule for electing a sign. */
export type MajoritySign = "total" | "frequency";

/** Σ wᵢ tᵢ. */
function weightedSum(
  tensors: readonly TaskValues[],
  weights: readonly number[],
): TaskValues {
  const sum = new Float64Array(tensors[0].length);
  tensors.forEach((tensor, i) => {
    for (let at = 0; at < sum.length; at++) sum[at] += weights[i] * tensor[at];
  });
  return sum;
}

/** The values of the largest magnitudes, ⌊density · size⌋ of them, and zeros; the first ones among equals. */
function pruned(tensor: TaskValues, density: number): TaskValues {
  if (density >= 1) return tensor;
  const count = Math.floor(density * tensor.length), out = new Float64Array(tensor.length);
  if (count === 0) return out;
  const magnitudes = tensor.map(Math.abs), edge = magnitudes.toSorted()[tensor.length - count];
  let equal = count - magnitudes.reduce((above, value) => above + Number(value > edge), 0);
  for (let at = 0; at < out.length; at++) {
    if (magnitudes[at] > edge || magnitudes[at] === edge && equal-- > 0) out[at] = tensor[at];
  }
  return out;
}

/** Each value over the density with that probability, or zero: the expectation is the tensor (Yu et al. 2024). */
function dropped(tensor: TaskValues, density: number, draw: () => number): TaskValues {
  return density >= 1 ? tensor : tensor.map((value) => draw() < density ? value / density : 0);
}

/**
 * The mean of wᵢ tᵢ over those that have the elected sign: that of Σ tᵢ, or of the majority (Yadav et al. 2023,
 * steps 2 and 3). Signs are elected without the weights, as in PEFT.
 */
function ties(
  tensors: readonly TaskValues[],
  weights: readonly number[],
  sign: MajoritySign = "total",
): TaskValues {
  const vote = sign === "total" ? (value: number) => value : Math.sign;
  return new Float64Array(tensors[0].length).map((_, at) => {
    const votes = tensors.reduce((sum, tensor) => sum + vote(tensor[at]), 0);
    const elected = votes >= 0 ? 1 : -1;
    let sum = 0, count = 0;
    tensors.forEach((tensor, i) => {
      if (Math.sign(tensor[at]) !== elected) return;
      sum += weights[i] * tensor[at];
      count++;
    });
    return sum / Math.max(1, count);
  });
}
