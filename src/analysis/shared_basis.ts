/** Tests if several updates of one weight could share a basis. @module */

import type { LowRankFactors } from "../core/update.ts";
import { mean } from "../core/numbers.ts";
import { Random } from "../core/random.ts";
import {
  type DenseMatrix,
  multiplyTransposed,
  orthonormalRows,
  rowsOf,
  singularValues,
  stackedRows,
  svd,
} from "../linalg/mod.ts";
import { nameOf } from "./input.ts";
import { energyRank, frobeniusOf } from "./measures.ts";
import { updateSvd } from "./spectrum.ts";

/** Options of {@link sharedBasis}. */
export interface SharedBasisOptions {
  /** Seed of the random directions. */
  readonly seed: number;
  /** Share of the energy that counted directions hold, above 0 and at most 1. Default 0.9. */
  readonly energy?: number;
  /** Draws of random directions. Default 20. */
  readonly draws?: number;
}

/** Directions of one side of the updates: of the inputs that they read, or of the outputs that they write. */
export interface SharedSide {
  /** Number of directions that hold the share of the energy of all updates together. */
  readonly together: number;
  /** The mean of that number if the directions of each update are random. */
  readonly byChance: number;
  /** At [i][j], the share of the energy of update i that the leading directions of update j hold. */
  readonly held: readonly (readonly number[])[];
  /** Expected share of random directions, for each update j. */
  readonly heldByChance: readonly number[];
}

/** Numbers of directions that several updates of one weight need together and alone. */
export interface SharedBasis {
  /** The ranks of the updates, but no more than the smaller side. */
  readonly ranks: readonly number[];
  /** Number of directions needed if they share none: the most that `together` can be. */
  readonly alone: number;
  /** The right side. */
  readonly inputs: SharedSide;
  /** The left side. */
  readonly outputs: SharedSide;
}

/** Directions, one a row, with their weights: σ / ‖ΔW‖. */
interface Weighted {
  readonly vectors: DenseMatrix;
  readonly weights: Float64Array;
}

/** The singular vectors of an update of norm 1, with its values. */
interface Parts {
  readonly left: DenseMatrix;
  readonly right: DenseMatrix;
  readonly weights: Float64Array;
}

function partsOf(update: LowRankFactors): Parts {
  const { left, values, right } = updateSvd(update), norm = frobeniusOf(values);
  if (norm === 0) {
    throw new RangeError(`${nameOf(update)} must not be zero: it has no directions then`);
  }
  return { left, right, weights: values.map((value) => value / norm) };
}

/** Orthonormal directions of both sides, one a row, those that hold most first. */
export interface CommonDirections {
  /** Directions of inputs, as long as a row of A. */
  readonly inputs: DenseMatrix;
  /** Directions of outputs, as long as a column of B. */
  readonly outputs: DenseMatrix;
}

/**
 * The directions that {@link sharedBasis} counts: the first k of a side hold as much of the energy of all updates,
 * each counted as one of norm 1, as any k do (Ky Fan 1949).
 *
 * @param updates Two or more of one shape, of any ranks and scalings.
 * @throws {ShapeError} when A and B do not fit each other.
 * @throws {RangeError} when a value is not finite, or an update is zero and has no directions.
 *
 * @example
 * ```ts
 * import { commonDirections } from "@lowrank/core/analysis";
 *
 * const A = { shape: [1, 4], data: Float32Array.of(1, 0, 0, 0) };
 * const one = { A, B: { shape: [2, 1], data: Float32Array.of(1, 0) }, scaling: 1 };
 * const other = { A, B: { shape: [2, 1], data: Float32Array.of(3, 0) }, scaling: 1 };
 * console.log(commonDirections([one, other]).inputs.data.subarray(0, 4).map(Math.abs)); // [1, 0, 0, 0]
 * ```
 */
export function commonDirections(updates: readonly LowRankFactors[]): CommonDirections {
  const parts = updates.map(partsOf);
  const side = (pick: (part: Parts) => DenseMatrix) =>
    svd(stackOf(parts.map((part) => ({ ...part, vectors: pick(part) })))).right;
  return { inputs: side(({ right }) => right), outputs: side(({ left }) => left) };
}

/**
 * Counts the directions that updates of one weight need together, each update scaled to norm 1.
 *
 * With Vᵢ the singular vectors of ΔWᵢ and Σᵢ its values over ‖ΔWᵢ‖, the singular values of [Σ₁ V₁; Σ₂ V₂; …] say how
 * much of Σ ‖ΔWᵢ‖² = n the best common basis of each size holds; `together` is the least size with the share asked
 * for. Updates with the same directions need as many as one of them, those that are perpendicular to each other
 * `alone`, and no updates need more. In few dimensions random directions share some too: compare with `byChance`.
 *
 * @param updates Two or more of one shape, of any ranks and scalings.
 * @throws {ShapeError} when A and B do not fit each other.
 * @throws {RangeError} when a value is not finite, an update is zero and has no directions, or the energy is
 * outside (0, 1].
 *
 * @example
 * ```ts
 * import { sharedBasis } from "@lowrank/core/analysis";
 *
 * const A = { shape: [1, 4], data: Float32Array.of(1, 0, 0, 0) };
 * const one = { A, B: { shape: [2, 1], data: Float32Array.of(1, 0) }, scaling: 1 };
 * const other = { A, B: { shape: [2, 1], data: Float32Array.of(0, 3) }, scaling: 1 };
 * const { alone, inputs, outputs } = sharedBasis([one, other], { seed: 1 });
 * console.log(alone, inputs.together, outputs.together); // 2 1 2
 * ```
 */
export function sharedBasis(
  updates: readonly LowRankFactors[],
  { seed, energy = 0.9, draws = 20 }: SharedBasisOptions,
): SharedBasis {
  const parts = updates.map(partsOf);
  const all = Float64Array.from(parts.flatMap(({ weights }) => [...weights])).sort().reverse();
  const random = new Random(seed);
  const side = (pick: (part: Parts) => DenseMatrix) =>
    sideOf(parts.map((part) => ({ ...part, vectors: pick(part) })), energy, draws, random);
  return {
    ranks: parts.map(({ weights }) => weights.length),
    alone: energyRank(all, energy),
    inputs: side(({ right }) => right),
    outputs: side(({ left }) => left),
  };
}

function sideOf(
  parts: readonly Weighted[],
  energy: number,
  draws: number,
  random: Random,
): SharedSide {
  const drawn = () =>
    parts.map(({ vectors: { rows, columns }, weights }) => ({
      ...{ vectors: orthonormalRows(rows, columns, random), weights },
    }));
  const leading = parts.map(({ vectors, weights }) =>
    rowsOf(vectors, 0, energyRank(weights, energy))
  );
  return {
    together: neededBy(parts, energy),
    byChance: mean(Array.from({ length: draws }, () => neededBy(drawn(), energy))),
    held: parts.map((part) => leading.map((directions) => heldBy(part, directions))),
    heldByChance: leading.map(({ rows, columns }) => rows / columns),
  };
}

const neededBy = (parts: readonly Weighted[], energy: number): number =>
  energyRank(singularValues(stackOf(parts)), energy);

/** [Σ₁ V₁; Σ₂ V₂; …]. */
const stackOf = (parts: readonly Weighted[]): DenseMatrix => stackedRows(parts.map(scaledRows));

/** ‖Σ V Uᵀ‖² with orthonormal rows U. */
function heldBy(part: Weighted, directions: DenseMatrix): number {
  return multiplyTransposed(scaledRows(part), directions).data
    .reduce((sum, value) => sum + value * value, 0);
}

function scaledRows({ vectors, weights }: Weighted): DenseMatrix {
  const { columns, data } = vectors;
  return { ...vectors, data: data.map((value, at) => value * weights[Math.floor(at / columns)]) };
}
