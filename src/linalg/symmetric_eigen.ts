/** Eigenvalues and eigenvectors of symmetric matrices. @module */

import { makeReflection, productOfReflections } from "./householder.ts";
import { type DenseMatrix, normalized, rowsOf, timesPowerOfTwo, zeros } from "./matrix.ts";
import { addRow, dot, rotateRows } from "./rows.ts";

/** A = Σᵢ λᵢ xᵢ xᵢᵀ. */
export interface SymmetricEigen {
  /** λ₁ ≥ λ₂ ≥ … */
  readonly values: Float64Array;
  /** xᵢ, one per row, orthonormal. */
  readonly vectors: DenseMatrix;
}

const mostSteps = 60;

/**
 * All eigenvalues and eigenvectors of a symmetric matrix, whose upper triangle is read; each value is
 * accurate to a few ε of the largest magnitude.
 *
 * Golub and Van Loan, algorithms 8.3.1 (tridiagonal form by reflections) and 8.3.3 (implicit QL steps,
 * after Bowdler, Martin, Reinsch and Wilkinson 1968).
 */
export function symmetricEigen(matrix: DenseMatrix): SymmetricEigen {
  const { scaled, exponent } = normalized(matrix);
  const { diagonal, offDiagonal, vectors } = tridiagonal(mirrored(scaled));
  diagonalize(diagonal, offDiagonal, vectors);
  const descending = Uint32Array.from(diagonal.keys()).sort((i, j) => diagonal[j] - diagonal[i]);
  const sorted = zeros(vectors.rows, vectors.columns);
  descending.forEach((from, i) =>
    sorted.data.set(rowsOf(vectors, from, 1).data, i * sorted.columns)
  );
  const values = timesPowerOfTwo(Float64Array.from(descending, (i) => diagonal[i]), exponent);
  return { values, vectors: sorted };
}

/** Copies the upper triangle to the lower, in place. */
function mirrored(matrix: DenseMatrix): DenseMatrix {
  const { rows, data } = matrix;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) data[i * rows + j] = data[j * rows + i];
  }
  return matrix;
}

/** A = Xᵀ T X, where T has `diagonal` and `offDiagonal`, and X is `vectors`. Overwrites the matrix. */
function tridiagonal(matrix: DenseMatrix) {
  const { rows: n, data } = matrix, factors = new Float64Array(Math.max(0, n - 1));
  const rows = {
    values: data,
    dot: (x: number, y: number, length: number) => dot(data, x, data, y, length),
  };
  const diagonal = new Float64Array(n), offDiagonal = new Float64Array(n), w = new Float64Array(n);
  for (let p = 0; p < n; p++) {
    diagonal[p] = data[p * n + p];
    if (p === n - 1) break;
    const at = p * n + p + 1;
    const { head, factor } = makeReflection(rows, at, n - p - 1);
    [offDiagonal[p], factors[p]] = [head, factor];
    reflectBothSides(matrix, p, factor, w);
  }
  return { diagonal, offDiagonal, vectors: productOfReflections(matrix, factors, n, 1) };
}

/** A ← Hₚ A Hₚ below and to the right of p, with vₚ in row p: A − vᵀ w − wᵀ v. */
function reflectBothSides(
  { rows: n, data }: DenseMatrix,
  p: number,
  factor: number,
  w: Float64Array,
): void {
  const begin = p + 1, length = n - begin, v = p * n + begin;
  for (let i = begin; i < n; i++) w[i] = factor * dot(data, i * n + begin, data, v, length);
  addRow(w, begin, data, v, length, -factor * dot(w, begin, data, v, length) / 2);
  for (let i = begin; i < n; i++) {
    addRow(data, i * n + begin, w, begin, length, -data[p * n + i]);
    addRow(data, i * n + begin, data, v, length, -w[i]);
  }
}

/** Makes `offDiagonal` vanish by rotations, applied to `vectors` as well. */
function diagonalize(
  diagonal: Float64Array,
  offDiagonal: Float64Array,
  vectors: DenseMatrix,
): void {
  for (let first = 0; first < diagonal.length; first++) {
    for (let step = 0;; step++) {
      const last = endOfBlock(diagonal, offDiagonal, first);
      if (last === first) break;
      if (step === mostSteps) throw new RangeError(`no eigenvalue found in ${mostSteps} steps`);
      qlStep(diagonal, offDiagonal, vectors, first, last);
    }
  }
}

/** The end of the unreduced block of T that begins at `first`. */
function endOfBlock(diagonal: Float64Array, offDiagonal: Float64Array, first: number): number {
  let last = first;
  while (last < diagonal.length - 1) {
    const size = Math.abs(diagonal[last]) + Math.abs(diagonal[last + 1]);
    if (Math.abs(offDiagonal[last]) <= Number.EPSILON * size) break;
    last++;
  }
  return last;
}

/** One implicit QL step with Wilkinson's shift, from `last` up to `first`. */
function qlStep(
  diagonal: Float64Array,
  offDiagonal: Float64Array,
  { columns, data }: DenseMatrix,
  first: number,
  last: number,
): void {
  const half = (diagonal[first + 1] - diagonal[first]) / (2 * offDiagonal[first]);
  const root = Math.hypot(half, 1);
  let bulge = diagonal[last] - diagonal[first] +
    offDiagonal[first] / (half + (half < 0 ? -root : root));
  let sine = 1, cosine = 1, shift = 0;
  for (let i = last - 1; i >= first; i--) {
    const across = sine * offDiagonal[i], along = cosine * offDiagonal[i];
    const length = Math.hypot(across, bulge);
    offDiagonal[i + 1] = length;
    if (length === 0) { // the block split
      diagonal[i + 1] -= shift;
      offDiagonal[last] = 0;
      return;
    }
    [sine, cosine] = [across / length, bulge / length];
    const rest = diagonal[i + 1] - shift;
    const turn = (diagonal[i] - rest) * sine + 2 * cosine * along;
    shift = sine * turn;
    diagonal[i + 1] = rest + shift;
    bulge = cosine * turn - along;
    rotateRows(data, i * columns, (i + 1) * columns, columns, cosine, sine);
  }
  diagonal[first] -= shift;
  offDiagonal[first] = bulge;
  offDiagonal[last] = 0;
}
