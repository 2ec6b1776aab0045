/** Adapters of lower rank. @module */

import { type HostTensor, nonFiniteAt } from "../core/host_tensor.ts";
import type { LowRankFactors } from "../core/low_rank_update.ts";
import { type DenseMatrix, rowsOf, type Svd, transposed } from "../linalg/mod.ts";
import { nameOf } from "./input.ts";
import { type TruncationError, truncationError } from "./measures.ts";
import { updateSvd } from "./update_svd.ts";

/** An update of lower rank, ΔW′ = scaling · B A with A and B in F32 and the scaling of the original. */
export interface TruncatedUpdate extends LowRankFactors {
  /** What was cut off, before A and B are rounded to F32. */
  readonly error: TruncationError;
}

/**
 * The best rank-k approximation of ΔW (Eckart and Young 1936), as factors: B = Uₖ √(Σₖ / s) and A =
 * √(Σₖ / s) Vₖᵀ, so that both have the same norm.
 *
 * @param rank k, the rank of the result, at most that of ΔW: a larger one returns all of ΔW.
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
  return cutSvd(updateSvd(factors), rank, factors.scaling, nameOf(factors));
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
  const A = tensor(scaledRows(rowsOf(right, 0, size), roots));
  const B = tensor(transposed(scaledRows(rowsOf(left, 0, size), signed)));
  if (nonFiniteAt(A.data) < 0 && nonFiniteAt(B.data) < 0) return { A, B, scaling, error };
  throw new RangeError(
    `the factors of ${what} must be finite in F32, found a singular value of ${values[0]}`,
  );
}

function scaledRows({ rows, columns, data }: DenseMatrix, factors: Float64Array): DenseMatrix {
  return {
    rows,
    columns,
    data: data.map((value, at) => value * factors[Math.floor(at / columns)]),
  };
}

function tensor({ rows, columns, data }: DenseMatrix): HostTensor {
  return { shape: [rows, columns], data: new Float32Array(data) };
}
