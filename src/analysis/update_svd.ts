/** The singular value decomposition of an update, from its factors. @module */

import type { LowRankFactors } from "../core/low_rank_update.ts";
import {
  type DenseMatrix,
  lowerTriangle,
  lq,
  multiply,
  multiplyTransposed,
  scaledBy,
  singularValues,
  type Svd,
  svd,
  transposed,
} from "../linalg/mod.ts";
import { checkFactors, nameOf } from "./input.ts";

/**
 * Singular values and vectors of ΔW = s B A without forming it: with Bᵀ = L_B Q_B and A = L_A Q_A (the
 * QR decompositions of B and of Aᵀ) they are those of the small matrix s L_Bᵀ L_A, its vectors
 * multiplied by Q_B and Q_A.
 *
 * @returns `left` (k, out), `values` and `right` (k, in), one vector per row; k is the smallest of
 * rank, out and in. The vectors of a zero value are arbitrary but orthogonal to the rest.
 * @throws {ShapeError} when A and B do not fit each other, or the rank is 0 or above both sides.
 * @throws {RangeError} when a value is not finite. Both name the module.
 *
 * @example
 * ```ts
 * import { updateSvd } from "@lowrank/core/analysis";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(3, 4) };
 * const B = { shape: [2, 1], data: Float32Array.of(0, 2) };
 * const { values, right } = updateSvd({ A, B, scaling: 0.5 });
 * console.log(values[0], right.data.map(Math.abs)); // 5 [0.6, 0.8]
 * ```
 */
export function updateSvd(factors: LowRankFactors): Svd {
  const { A, Bt, scaling } = checkFactors(factors);
  const a = lq(A), b = lq(Bt);
  const { left, values, right } = svd(finite(factors, core(b.L, a.L, scaling)));
  return { left: multiply(left, b.Q), values, right: multiply(right, a.Q) };
}

/** The singular values alone, in half the time. */
export function updateSingularValues(factors: LowRankFactors): Float64Array {
  const { A, Bt, scaling } = checkFactors(factors);
  return singularValues(finite(factors, core(lowerTriangle(Bt), lowerTriangle(A), scaling)));
}

/** s L_Bᵀ L_A. */
function core(left: DenseMatrix, right: DenseMatrix, scaling: number): DenseMatrix {
  return scaledBy(multiplyTransposed(transposed(left), transposed(right)), scaling);
}

/** Even where A, B and the scaling are finite, their product may not be. */
function finite(factors: LowRankFactors, product: DenseMatrix): DenseMatrix {
  if (product.data.every(Number.isFinite)) return product;
  const found = `found a scaling of ${factors.scaling}`;
  throw new RangeError(`ΔW of ${nameOf(factors)} must be finite, ${found}`);
}
