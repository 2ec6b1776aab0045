/**
 * Products and decompositions for the rest of the package. Values must be finite: code that takes
 * matrices from callers checks this.
 *
 * @module
 */

import { backendFor } from "./choose_backend.ts";
import type { Lq } from "./lq.ts";
import { type DenseMatrix, type LargeMatrix, transposed } from "./matrix.ts";
import type { Svd, SymmetricEigen } from "./svd.ts";

/** A B. */
export function multiply(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  assertInner(a, b, b.rows);
  return backendFor(a.rows * a.columns * b.columns).multiply(a, b);
}

/** A Bᵀ. */
export function multiplyTransposed(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  assertInner(a, b, b.columns);
  return backendFor(a.rows * a.columns * b.rows).multiplyTransposed(a, b);
}

/**
 * A = L Q: L (rows, k) is zero above its diagonal, Q (k, columns) has orthonormal rows, and k is the
 * smaller of rows and columns. It is the QR decomposition of Aᵀ, with every vector contiguous in
 * memory.
 */
export function lq(matrix: DenseMatrix): Lq {
  return backendFor(work(matrix)).lq(matrix);
}

/** L of A = L Q, in half the time. */
export function lowerTriangle(matrix: LargeMatrix): DenseMatrix {
  return backendFor(work(matrix)).lowerTriangle(matrix);
}

/** R of A = Q R, likewise. */
export function upperTriangle(matrix: LargeMatrix): DenseMatrix {
  return backendFor(work(matrix)).upperTriangle(matrix);
}

/** Thin QR: A = Q R. */
export interface Qr {
  /** (rows, k) with orthonormal columns, where k is the smaller of rows and columns. */
  readonly Q: DenseMatrix;
  /** (k, columns), zero below the diagonal. */
  readonly R: DenseMatrix;
}

/**
 * A = Q R by Householder reflections; the signs of R's diagonal are not normalized.
 */
export function qr(matrix: DenseMatrix): Qr {
  const { L, Q } = lq(transposed(matrix));
  return { Q: transposed(Q), R: transposed(L) };
}

/**
 * All singular values and vectors: A = Σ σᵢ uᵢ vᵢᵀ. Values are within 1e-13 σ₁.
 */
export function svd(matrix: DenseMatrix): Svd {
  return backendFor(work(matrix)).svd(matrix);
}

/**
 * All singular values, largest first.
 */
export function singularValues(matrix: DenseMatrix): Float64Array {
  return backendFor(work(matrix)).singularValues(matrix);
}

/**
 * All eigenvalues, largest first, and eigenvectors of a symmetric matrix, whose upper triangle is read.
 *
 * @throws {RangeError} when it is not square.
 */
export function symmetricEigen(matrix: DenseMatrix): SymmetricEigen {
  const { rows, columns } = matrix;
  if (rows !== columns) {
    throw new RangeError(`a symmetric matrix must be square, found ${rows} x ${columns}`);
  }
  return backendFor(work(matrix)).symmetricEigen(matrix);
}

const work = ({ rows, columns }: LargeMatrix) => rows * columns * Math.min(rows, columns);

function assertInner(a: DenseMatrix, b: DenseMatrix, inner: number): void {
  if (a.columns === inner) return;
  throw new RangeError(
    `a product needs one inner size, found ${a.rows} x ${a.columns} and ${b.rows} x ${b.columns}`,
  );
}
