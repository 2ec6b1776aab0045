/**
 * Products and decompositions for the rest of the package, in F64, each by our own code or by the system's LAPACK
 * where the matrix is large enough. Values must be finite: code that takes matrices from callers checks this.
 *
 * @module
 */

import { openLapack } from "../blas/mod.ts";
import { type Backend, own } from "./backend.ts";
import { lapackBackend } from "./lapack.ts";
import type { Lq } from "./lq.ts";
import { type DenseMatrix, type LargeMatrix, transposed } from "./matrix.ts";
import type { Svd, SymmetricEigen } from "./svd.ts";

/**
 * A B, (m, n), of A (m, k) and B (k, n).
 *
 * @throws {RangeError} when A has not as many columns as B has rows.
 */
export function multiply(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  assertInner(a, b, b.rows);
  return backendFor(a.rows * a.columns * b.columns).multiply(a, b);
}

/**
 * A Bᵀ, (m, n), of A (m, k) and B (n, k): without a copy of the transposed B.
 *
 * @throws {RangeError} when A and B have not the same number of columns.
 */
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

/** L of {@link lq} alone, (rows, k), in half the time: Q is not formed. */
export function lowerTriangle(matrix: LargeMatrix): DenseMatrix {
  return backendFor(work(matrix)).lowerTriangle(matrix);
}

/** R of {@link qr} alone, (k, columns), in half the time: Q is not formed. */
export function upperTriangle(matrix: LargeMatrix): DenseMatrix {
  return backendFor(work(matrix)).upperTriangle(matrix);
}

/** Thin QR decomposition: A = Q R. */
export interface Qr {
  /** (rows, k) with orthonormal columns, where k is the smaller of rows and columns. */
  readonly Q: DenseMatrix;
  /** (k, columns), zero below the diagonal. */
  readonly R: DenseMatrix;
}

/** A = Q R, by {@link lq} of Aᵀ; the signs of R's diagonal are not normalized. */
export function qr(matrix: DenseMatrix): Qr {
  const { L, Q } = lq(transposed(matrix));
  return { Q: transposed(Q), R: transposed(L) };
}

/** Thin SVD: all singular values and vectors, A = Σᵢ σᵢ uᵢ vᵢᵀ. Values are within 1e-13 σ₁. */
export function svd(matrix: DenseMatrix): Svd {
  return backendFor(work(matrix)).svd(matrix);
}

/** All singular values, largest first, without vectors. */
export function singularValues(matrix: DenseMatrix): Float64Array {
  return backendFor(work(matrix)).singularValues(matrix);
}

/**
 * S = Σᵢ λᵢ vᵢ vᵢᵀ: all eigenvalues, largest first, and eigenvectors of a symmetric matrix, of which the upper triangle
 * is read.
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

/** Multiplications of a decomposition, up to a small factor. */
const work = ({ rows, columns }: LargeMatrix) => rows * columns * Math.min(rows, columns);

function assertInner(a: DenseMatrix, b: DenseMatrix, inner: number): void {
  if (a.columns === inner) return;
  throw new RangeError(
    `a product needs one inner size, found ${a.rows} x ${a.columns} and ${b.rows} x ${b.columns}`,
  );
}

/**
 * Below this many multiplications our own code takes well under a millisecond, while the library takes
 * 4 ms to open.
 */
const libraryThreshold = 2 ** 16;

let system: Backend | undefined;

/**
 * The backend for an operation of about this many multiplications; the system's library is opened when
 * first needed.
 */
export function backendFor(multiplications: number): Backend {
  if (multiplications < libraryThreshold) return own;
  return system ??= openSystem();
}

/**
 * True if the library computes large operations; it is one for the process and has one number of
 * threads.
 */
export function usesLibrary(): boolean {
  return backendFor(Infinity) !== own;
}

/**
 * Opens the system's library, if one is wanted, and gives up the permission for FFI for good and for all
 * threads. What is open works on; nothing else can be opened. Only for the entry of a program that is ours:
 * the permission is the program's.
 */
export function closeFfi(): void {
  usesLibrary();
  Deno.permissions.revokeSync({ name: "ffi" });
}

/** Never closed: the process has one library with one set of threads. */
function openSystem(): Backend {
  const lapack = openLapack();
  return lapack ? lapackBackend(lapack) : own;
}
