/** The operations of a linear algebra backend, and our own implementation. @module */

import { lowerTriangle, type Lq, lq, upperTriangle } from "./lq.ts";
import { type DenseMatrix, type LargeMatrix, multiply, multiplyTransposed } from "./matrix.ts";
import { singularValues, type Svd, svd, type SymmetricEigen, symmetricEigen } from "./svd.ts";

/** Products and decompositions of finite matrices. */
export interface Backend {
  /** For display. */
  readonly name: string;
  /** A B. */
  multiply(a: DenseMatrix, b: DenseMatrix): DenseMatrix;
  /** A Bᵀ. */
  multiplyTransposed(a: DenseMatrix, b: DenseMatrix): DenseMatrix;
  /** A = L Q. */
  lq(matrix: DenseMatrix): Lq;
  /** L of A = L Q. */
  lowerTriangle(matrix: LargeMatrix): DenseMatrix;
  /** R of A = Q R. */
  upperTriangle(matrix: LargeMatrix): DenseMatrix;
  /** A = Σ σᵢ uᵢ vᵢᵀ. */
  svd(matrix: DenseMatrix): Svd;
  /** σ₁ ≥ σ₂ ≥ … */
  singularValues(matrix: DenseMatrix): Float64Array;
  /** A = Σ λᵢ xᵢ xᵢᵀ. */
  symmetricEigen(matrix: DenseMatrix): SymmetricEigen;
}

/** The implementation in this folder. */
export const own: Backend = {
  name: "own",
  multiply,
  multiplyTransposed,
  lq,
  lowerTriangle,
  upperTriangle,
  svd,
  singularValues,
  symmetricEigen,
};
