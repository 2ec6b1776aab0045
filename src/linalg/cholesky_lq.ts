/** A = L Q by Cholesky factors of Gram matrices. @module */

import type { LapackSymbols } from "../blas/mod.ts";
import type { Lq } from "./householder.ts";
import { type DenseMatrix, type LargeMatrix, zeros } from "./matrix.ts";

/** Row-major, as cblas names it, with the lower triangle, which LAPACK's columns have above the diagonal. */
const rowMajor = 101, asIs = 111, lower = 122, hasDiagonal = 131, fromLeft = 141;
const lowerOfRows = new TextEncoder().encode("U");

/** With fewer columns a row, Gram matrices are not small beside the matrix, and reflections cost less. */
const columnsPerRow = 4;

/** Whether this way is worth trying. */
export const isWide = ({ rows, columns }: LargeMatrix): boolean => columns >= columnsPerRow * rows;

/** Up to this ‖Q₁ Q₁ᵀ − I‖_F the condition of Q₁ is below 2, and its Gram matrix loses nothing. */
const nearOrthonormal = 0.5;

/**
 * A = L Q by two Cholesky factors, in less time than by reflections; A becomes Q.
 *
 * A Aᵀ = L₁ L₁ᵀ squares A's condition κ, so the rows of Q₁ = L₁⁻¹ A are orthonormal to κ² ε alone. The
 * same with Q₁, of a condition below 2, gives Q₁ = L₂ Q, and L = L₁ L₂ with errors as small as those of
 * reflections (CholeskyQR2, Yamamoto et al. 2015).
 *
 * @returns `undefined` where A's rows are zero or nearly dependent (κ of about 1e8 and more), or their squares
 * leave float64: its values are then lost.
 */
export function choleskyLq(symbols: LapackSymbols, matrix: DenseMatrix): Lq | undefined {
  const found = twoSteps(symbols, matrix);
  if (!found) return undefined;
  divide(symbols, found[1], matrix);
  return { L: triangularProduct(...found), Q: matrix };
}

/** L alone; A's values are lost. */
export function choleskyTriangle(
  symbols: LapackSymbols,
  matrix: DenseMatrix,
): DenseMatrix | undefined {
  const found = twoSteps(symbols, matrix);
  return found && triangularProduct(...found);
}

/** L₁ and L₂; A becomes Q₁. */
function twoSteps(
  symbols: LapackSymbols,
  matrix: DenseMatrix,
): [DenseMatrix, DenseMatrix] | undefined {
  const first = gram(symbols, matrix);
  if (!factorize(symbols, first)) return undefined;
  divide(symbols, first, matrix);
  const second = gram(symbols, matrix);
  const isNear = distanceFromIdentity(second) <= nearOrthonormal; // NaN is not
  return isNear && factorize(symbols, second) ? [first, second] : undefined;
}

/** A Aᵀ, its lower triangle, with zeros above. */
function gram({ dsyrk }: LapackSymbols, { rows, columns, data }: DenseMatrix): DenseMatrix {
  const G = zeros(rows, rows);
  dsyrk(rowMajor, lower, asIs, rows, columns, 1, data, columns, 0, G.data, rows);
  return G;
}

/** G = L Lᵀ in place; false where G is not positive definite. */
function factorize({ dpotrf }: LapackSymbols, { rows, data }: DenseMatrix): boolean {
  const size = Int32Array.of(rows), info = Int32Array.of(0);
  dpotrf(lowerOfRows, size, data, size, info, 1n);
  return info[0] === 0;
}

/** A ← L⁻¹ A. */
function divide(
  { dtrsm }: LapackSymbols,
  L: DenseMatrix,
  { rows, columns, data }: DenseMatrix,
): void {
  dtrsm(
    rowMajor,
    fromLeft,
    lower,
    asIs,
    hasDiagonal,
    rows,
    columns,
    1,
    L.data,
    rows,
    data,
    columns,
  );
}

/** ‖G − I‖_F of a symmetric matrix of which the lower triangle is read. */
function distanceFromIdentity({ rows, data }: DenseMatrix): number {
  let sum = 0;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) sum += 2 * data[i * rows + j] ** 2;
    sum += (data[i * rows + i] - 1) ** 2;
  }
  return Math.sqrt(sum);
}

/** L₁ L₂ of two lower triangles. */
function triangularProduct(one: DenseMatrix, other: DenseMatrix): DenseMatrix {
  const { rows } = one, out = zeros(rows, rows);
  for (let i = 0; i < rows; i++) {
    for (let p = 0; p <= i; p++) {
      const factor = one.data[i * rows + p];
      for (let j = 0; j <= p; j++) out.data[i * rows + j] += factor * other.data[p * rows + j];
    }
  }
  return out;
}
