/** Weighted sums of updates, and how far other updates are from them. @module */

import { ShapeError } from "../core/errors.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { assertScaling, type LowRankFactors } from "../core/low_rank_update.ts";
import { formatShape } from "../core/shape.ts";
import {
  type DenseMatrix,
  frobeniusNorm,
  scaledBy,
  stackedRows,
  transposed,
} from "../linalg/mod.ts";
import { type CheckedFactors, checkFactors, nameOf } from "./input.ts";
import { truncationError } from "./measures.ts";
import { cutSvd } from "./truncate.ts";
import { factorsCore, factorsSingularValues, factorsSvd } from "./update_svd.ts";

/** An update of a sum. */
export interface WeightedUpdate {
  /** ΔWᵢ = s B A. */
  readonly update: LowRankFactors;
  /** wᵢ, of any sign. */
  readonly weight: number;
}

/** How far an update is from a sum, in Frobenius norms. */
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

/** What is left of updates that cancel, relative to their norms. */
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
export function sumFactors(terms: readonly WeightedUpdate[]): CheckedFactors {
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

/** How messages name a sum. */
export function nameOfSum([{ update }]: readonly WeightedUpdate[]): string {
  const name = nameOf(update);
  return name === "the update" ? "the sum" : name.replace("the update", "the sum");
}

const tensor = ({ rows, columns, data }: DenseMatrix): HostTensor => ({
  ...{ shape: [rows, columns], data: Float32Array.from(data) },
});
