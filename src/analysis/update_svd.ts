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
  upperTriangle,
} from "../linalg/mod.ts";
import { type CheckedFactors, checkFactors, factorsInPlace, nameOf } from "./input.ts";

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
  return factorsSvd(checkFactors(factors), nameOf(factors));
}

/** The singular values alone, in half the time. */
export function updateSingularValues(factors: LowRankFactors): Float64Array {
  const { A, B, scaling } = factorsInPlace(factors);
  return singularValues(core(upperTriangle(B), lowerTriangle(A), scaling, nameOf(factors)));
}

/** {@link updateSvd} of factors that are checked, of any rank. */
export function factorsSvd({ A, Bt, scaling }: CheckedFactors, what: string): Svd {
  const a = lq(A), b = lq(Bt);
  const { left, values, right } = svd(core(transposed(b.L), a.L, scaling, what));
  return { left: multiply(left, b.Q), values, right: multiply(right, a.Q) };
}

/** {@link updateSingularValues} of factors that are checked, of any rank. */
export function factorsSingularValues(factors: CheckedFactors, what: string): Float64Array {
  return singularValues(factorsCore(factors, what));
}

/** A small matrix with the singular values, and so the norm, of s B A. */
export function factorsCore({ A, Bt, scaling }: CheckedFactors, what: string): DenseMatrix {
  return core(transposed(lowerTriangle(Bt)), lowerTriangle(A), scaling, what);
}

/** s R L of L_Bᵀ = R and L_A = L. Even where A, B and the scaling are finite, their product may not be. */
function core(R: DenseMatrix, L: DenseMatrix, scaling: number, what: string): DenseMatrix {
  const product = scaledBy(multiplyTransposed(R, transposed(L)), scaling);
  if (product.data.every(Number.isFinite)) return product;
  throw new RangeError(`ΔW of ${what} must be finite, found a scaling of ${scaling}`);
}
