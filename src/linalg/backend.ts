/** Who computes: this package, or the system's LAPACK. @module */

import { openLapack } from "../blas/mod.ts";
import { lowerTriangle, type Lq, lq } from "./householder.ts";
import { lapackBackend } from "./lapack.ts";
import type { DenseMatrix } from "./matrix.ts";
import { multiply, multiplyTransposed } from "./products.ts";
import { singularValues, type Svd, svd } from "./svd.ts";
import { type SymmetricEigen, symmetricEigen } from "./symmetric_eigen.ts";

/** Products and decompositions of finite matrices. */
export interface Backend {
  /** For people. */
  readonly name: string;
  /** A B. */
  multiply(a: DenseMatrix, b: DenseMatrix): DenseMatrix;
  /** A Bᵀ. */
  multiplyTransposed(a: DenseMatrix, b: DenseMatrix): DenseMatrix;
  /** A = L Q. */
  lq(matrix: DenseMatrix): Lq;
  /** L of A = L Q. */
  lowerTriangle(matrix: DenseMatrix): DenseMatrix;
  /** A = Σ σᵢ uᵢ vᵢᵀ. */
  svd(matrix: DenseMatrix): Svd;
  /** σ₁ ≥ σ₂ ≥ … */
  singularValues(matrix: DenseMatrix): Float64Array;
  /** A = Σ λᵢ xᵢ xᵢᵀ. */
  symmetricEigen(matrix: DenseMatrix): SymmetricEigen;
}

/** What is written here. */
export const own: Backend = {
  name: "own",
  multiply,
  multiplyTransposed,
  lq,
  lowerTriangle,
  svd,
  singularValues,
  symmetricEigen,
};

/** Work of fewer multiplications takes us well under a millisecond: the library, 4 ms to open, is not asked. */
const worthACall = 2 ** 16;

let system: Backend | undefined;

/** The backend for work of so many multiplications; the system's library is opened when first needed. */
export function backendFor(multiplications: number): Backend {
  if (multiplications < worthACall) return own;
  return system ??= openSystem();
}

/** Never closed: it is one for the process, as its threads are. */
function openSystem(): Backend {
  const lapack = openLapack();
  return lapack ? lapackBackend(lapack) : own;
}
