/** Adapters of lower rank. @module */

import { type HostTensor, nonFiniteAt } from "../core/host_tensor.ts";
import type { LowRankFactors } from "../core/low_rank_update.ts";
import { type DenseMatrix, type LargeMatrix, rowsOf, type Svd, transposed } from "../linalg/mod.ts";
import { factorsInPlace, nameOf, toTensor } from "./input.ts";
import { type TruncationError, truncationError } from "./measures.ts";
import { updateSvd } from "./update_svd.ts";

/** An update of lower rank, ΔW′ = scaling · B A with A and B in F32 and the scaling of the original. */
export interface TruncatedUpdate extends LowRankFactors {
  /** What was cut off, before A and B are rounded to F32. */
  readonly error: TruncationError;
}

/**
 * The best rank-k approximation of ΔW (Eckart and Young 1936), as factors: B = Uₖ √(Σₖ / s) and A =
 * √(Σₖ / s) Vₖᵀ, so that both have the same norm. Where k is the rank of A and B already, or above it, they
 * stay as they are, bit for bit and in the same memory.
 *
 * @param rank k, the rank of the result, at most that of ΔW.
 * @throws {ShapeError} when A and B do not fit each other.
 * @throws {RangeError} when a value is not finite, here or in the result, or the rank is not a positive
 * integer.
 *
 * @example
 * ```ts
 * import { truncateUpdate } from "@lowrank/core/analysis";
 *
 * const A = { shape: [2, 2], data: Float32Array.of(1, 0, 0, 1) };
 * const B = { shape: [2, 2], data: Float32Array.of(4, 0, 0, 3) };
 * console.log(truncateUpdate({ A, B, scaling: 1 }, 1).error.relative); // 3 / 5
 * ```
 */
export function truncateUpdate(factors: LowRankFactors, rank: number): TruncatedUpdate {
  if (!(Number.isInteger(rank) && rank >= 1)) {
    throw new RangeError(`${nameOf(factors)} needs a rank of at least 1, found ${rank}`);
  }
  if (rank >= factorsInPlace(factors).A.rows) return wholeUpdate(factors);
  return cutSvd(updateSvd(factors), rank, factors.scaling, nameOf(factors));
}

/** A and B as they are, in F32. */
function wholeUpdate(factors: LowRankFactors): TruncatedUpdate {
  const { A, B, scaling } = factorsInPlace(factors), what = nameOf(factors);
  const error = { frobenius: 0, relative: 0, spectral: 0 };
  const whole = { A: toFloat32(A), B: toFloat32(B), scaling, error };
  return finiteUpdate(whole, what, "one of float64");
}

/** The first directions of a decomposition of ΔW as factors with a scaling; all if there are fewer. */
export function cutSvd(
  { left, values, right }: Svd,
  rank: number,
  scaling: number,
  what: string,
): TruncatedUpdate {
  const size = Math.min(rank, values.length), error = truncationError(values, size);
  const roots = values.map((value) => value === 0 ? 0 : Math.sqrt(value / Math.abs(scaling)));
  const signed = roots.map((root) => scaling < 0 ? -root : root);
  const A = toFloat32(scaledRows(rowsOf(right, 0, size), roots));
  const B = toFloat32(transposed(scaledRows(rowsOf(left, 0, size), signed)));
  return finiteUpdate({ A, B, scaling, error }, what, `a singular value of ${values[0]}`);
}

/** Throws where a factor became infinite in F32. */
function finiteUpdate(update: TruncatedUpdate, what: string, found: string): TruncatedUpdate {
  if (nonFiniteAt(update.A.data) < 0 && nonFiniteAt(update.B.data) < 0) return update;
  throw new RangeError(`the factors of ${what} must be finite in F32, found ${found}`);
}

function scaledRows({ rows, columns, data }: DenseMatrix, factors: Float64Array): DenseMatrix {
  return {
    rows,
    columns,
    data: data.map((value, at) => value * factors[Math.floor(at / columns)]),
  };
}

/** A matrix in F32, in its own memory if that is F32. */
function toFloat32({ rows, columns, data }: LargeMatrix): HostTensor {
  const values = data instanceof Float32Array ? data : new Float32Array(data);
  return toTensor({ rows, columns, data: values });
}
