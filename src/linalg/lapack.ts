/** Decompositions by LAPACK. @module */

import type { Lapack, LapackSymbols } from "../blas/mod.ts";
import type { Backend } from "./backend.ts";
import { choleskyLq, choleskyTriangle, isWide, type Lq } from "./lq.ts";
import {
  type DenseMatrix,
  identity,
  type LargeMatrix,
  rowsOf,
  transposed,
  zeros,
} from "./matrix.ts";
import type { Svd, SymmetricEigen } from "./svd.ts";

/** Size from which a decomposition gains more from threads than waking them costs. */
const worthThreads = 384;

/**
 * The routines as a backend. LAPACK stores columns, so our rows are its columns: it sees the transpose
 * of every matrix, so A = L Q is its QR decomposition, and our right singular vectors are its left
 * ones.
 */
export function lapackBackend(lapack: Lapack): Backend {
  const { name, symbols } = lapack;
  const decompose = <T>({ rows, columns }: DenseMatrix, call: () => T) =>
    Math.min(rows, columns) < worthThreads ? call() : lapack.withAllThreads(call);
  return {
    name,
    multiply: (a, b) => product(symbols, a, b, zeros(a.rows, b.columns), false),
    multiplyTransposed: (a, b) => product(symbols, a, b, zeros(a.rows, b.rows), true),
    lq: (matrix) => lq(symbols, matrix),
    lowerTriangle: (matrix) => lowerTriangle(symbols, copied, matrix),
    upperTriangle: (matrix) => transposed(lowerTriangle(symbols, transposed, matrix)),
    svd: (matrix) => decompose(matrix, () => svd(symbols, matrix)),
    singularValues: (matrix) =>
      decompose(matrix, () => divideAndConquer(symbols, matrix, "N").values),
    symmetricEigen: (matrix) => decompose(matrix, () => symmetricEigen(symbols, matrix)),
  };
}

function product(
  { dgemm }: LapackSymbols,
  a: DenseMatrix,
  b: DenseMatrix,
  out: DenseMatrix,
  transposeB: boolean,
): DenseMatrix {
  const rowMajor = 101, asIs = 111, transpose = 112;
  const { rows: m, columns: n } = out, k = a.columns;
  if (m * n * k === 0) return out;
  const opB = transposeB ? transpose : asIs;
  dgemm(rowMajor, asIs, opB, m, n, k, 1, a.data, k, b.data, b.columns, 0, out.data, n);
  return out;
}

const copied = ({ rows, columns, data }: LargeMatrix): DenseMatrix => (
  { rows, columns, data: new Float64Array(data) }
);

/** Overwrites a matrix with L and the reflections, in LAPACK's layout; and the reflections' factors. */
function reflections({ dgeqrf }: LapackSymbols, compact: DenseMatrix) {
  const { rows, columns } = compact;
  const factors = new Float64Array(Math.min(rows, columns)), wide = integer(columns);
  withWork("dgeqrf", (work, size, info) => {
    dgeqrf(wide, integer(rows), compact.data, wide, factors, work, size, info);
  });
  return { compact, factors };
}

/** L of the copy of a matrix, or of its transpose. */
function lowerTriangle(
  symbols: LapackSymbols,
  copy: (matrix: LargeMatrix) => DenseMatrix,
  matrix: LargeMatrix,
): DenseMatrix {
  const own = copy(matrix), found = isWide(own) && choleskyTriangle(symbols, own);
  return found || triangle(reflections(symbols, isWide(own) ? copy(matrix) : own).compact);
}

function lq(symbols: LapackSymbols, matrix: DenseMatrix): Lq {
  const found = isWide(matrix) && choleskyLq(symbols, copied(matrix));
  return found || reflectedLq(symbols, copied(matrix));
}

function reflectedLq(symbols: LapackSymbols, matrix: DenseMatrix): Lq {
  const { compact, factors } = reflections(symbols, matrix), size = factors.length;
  const Q = rowsOf(compact, 0, size), wide = integer(compact.columns), count = integer(size);
  const L = triangle(compact); // before dorgqr overwrites it
  withWork("dorgqr", (work, length, info) => {
    symbols.dorgqr(wide, count, count, Q.data, wide, factors, work, length, info);
  });
  return { L, Q };
}

function triangle({ rows, columns, data }: DenseMatrix): DenseMatrix {
  const L = zeros(rows, Math.min(rows, columns));
  for (let i = 0; i < rows; i++) {
    const count = Math.min(i + 1, L.columns);
    L.data.set(data.subarray(i * columns, i * columns + count), i * L.columns);
  }
  return L;
}

function svd(symbols: LapackSymbols, matrix: DenseMatrix): Svd {
  const { left, values, right } = divideAndConquer(symbols, matrix, "S");
  return { left: transposed(left), values, right };
}

/** `left` has the left vectors as columns; without vectors (N) both matrices are placeholders. */
function divideAndConquer(symbols: LapackSymbols, matrix: DenseMatrix, job: "S" | "N") {
  const { rows, columns, data } = matrix, size = Math.min(rows, columns), withVectors = job === "S";
  const values = new Float64Array(size), copy = data.slice();
  const right = withVectors ? zeros(size, columns) : identity(1),
    left = withVectors ? zeros(rows, size) : identity(1);
  const wide = integer(columns), high = integer(rows), count = integer(withVectors ? size : 1);
  const indices = new Int32Array(8 * size);
  withWork("dgesdd", (work, length, info) => {
    symbols.dgesdd(
      ...[text(job), wide, high, copy, wide, values] as const,
      ...[right.data, wide, left.data, count] as const,
      ...[work, length, indices, info, 1n] as const,
    );
  });
  return { left, values, right };
}

function symmetricEigen({ dsyevd }: LapackSymbols, matrix: DenseMatrix): SymmetricEigen {
  const { rows, data } = matrix, order = integer(rows);
  const ascending = { rows, columns: rows, data: data.slice() }, values = new Float64Array(rows);
  const indices = new Int32Array(3 + 5 * rows), indexCount = integer(indices.length);
  // Our upper triangle is LAPACK's lower one.
  const job = text("V"), triangle = text("L");
  withWork("dsyevd", (work, length, info) => {
    dsyevd(
      ...[job, triangle, order, ascending.data, order, values] as const,
      ...[work, length, indices, indexCount, info, 1n, 1n] as const,
    );
  });
  const vectors = zeros(rows, rows);
  for (let i = 0; i < rows; i++) {
    vectors.data.set(rowsOf(ascending, rows - 1 - i, 1).data, i * rows);
  }
  return { values: values.reverse(), vectors };
}

/** Asks a routine for its workspace size, then calls it with a workspace of that size. */
function withWork(
  name: string,
  call: (
    work: Float64Array<ArrayBuffer>,
    size: Int32Array<ArrayBuffer>,
    info: Int32Array<ArrayBuffer>,
  ) => void,
): void {
  const info = integer(0), optimal = new Float64Array(1);
  call(optimal, integer(-1), info);
  const work = new Float64Array(optimal[0]);
  call(work, integer(work.length), info);
  if (info[0] !== 0) throw new Error(`LAPACK's ${name} found no result, its info is ${info[0]}`);
}

const integer = (value: number): Int32Array<ArrayBuffer> => Int32Array.of(value);

const text = (value: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(value);
