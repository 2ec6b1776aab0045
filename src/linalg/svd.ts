/**
 * Singular values and vectors by one-sided Jacobi rotations of a triangular factor; eigenvalues and
 * eigenvectors of symmetric matrices.
 *
 * @module
 */

import { openRows, type RowSpace } from "../blas/mod.ts";
import { lowerTriangle, lq, makeReflection, type PlacedRows, productOfReflections } from "./lq.ts";
import {
  addRow,
  type DenseMatrix,
  dot,
  frobeniusNorm,
  identity,
  multiply,
  multiplyTransposed,
  normalized,
  rotateRows,
  rowsOf,
  timesPowerOfTwo,
  transposed,
  zeros,
} from "./matrix.ts";

// Singular values.

/** A = Σᵢ σᵢ uᵢ vᵢᵀ with k terms, the smaller of rows and columns. Vectors are rows, each contiguous in memory. */
export interface Svd {
  /** uᵢ, (k, rows), orthonormal even if σᵢ is zero. */
  readonly left: DenseMatrix;
  /** σ₁ ≥ σ₂ ≥ … */
  readonly values: Float64Array;
  /** vᵢ, (k, columns), orthonormal even if σᵢ is zero. */
  readonly right: DenseMatrix;
}

/** Number of rows from which rotations start from eigenvectors: twice as fast at 768 rows. */
const large = 128;

/**
 * All singular values and vectors of any finite matrix; each value is within 1e-13 σ₁.
 *
 * P A = L Q with the largest rows first, then rotations of the rows of Lᵀ. Prepared this way they
 * converge in few sweeps, and small values are accurate relative to themselves as far as A's rows
 * determine them (Drmač and Veselić 2008, without their second reduction). A large L is first
 * multiplied by the eigenvectors of Lᵀ L, which leaves little to rotate but makes errors relative to
 * σ₁.
 */
export function svd(matrix: DenseMatrix): Svd {
  if (matrix.rows > matrix.columns) {
    const { left, values, right } = svd(transposed(matrix));
    return { left: right, values, right: left };
  }
  const { scaled, exponent } = normalized(matrix);
  const order = byDescendingNorm(scaled), { L, Q } = lq(permuted(scaled, order));
  const { rows, rotations } = prepared(transposed(L));
  orthogonalizeRows(rows, rotations); // R Lᵀ = Σ Y, so P A = Yᵀ Σ (R Q)
  const norms = rowNorms(rows), descending = descendingOrder(norms);
  return {
    left: unpermuted(unitRows(permuted(rows, descending)), order),
    values: timesPowerOfTwo(Float64Array.from(descending, (i) => norms[i]), exponent),
    right: multiply(permuted(rotations, descending), Q),
  };
}

/** All singular values, largest first, in less time than {@link svd}. */
export function singularValues(matrix: DenseMatrix): Float64Array {
  if (matrix.rows > matrix.columns) return singularValues(transposed(matrix));
  const { scaled, exponent } = normalized(matrix);
  const { rows } = prepared(transposed(lowerTriangle(permuted(scaled, byDescendingNorm(scaled)))));
  orthogonalizeRows(rows);
  return timesPowerOfTwo(rowNorms(rows), exponent).sort().reverse();
}

/** R M and R for the initial rotation R. */
function prepared(matrix: DenseMatrix): { rows: DenseMatrix; rotations: DenseMatrix } {
  if (matrix.rows < large) return { rows: matrix, rotations: identity(matrix.rows) };
  const { vectors } = symmetricEigen(multiplyTransposed(matrix, matrix));
  return { rows: multiply(vectors, matrix), rotations: vectors };
}

function rowNorms(matrix: DenseMatrix): Float64Array<ArrayBuffer> {
  return Float64Array.from(
    { length: matrix.rows },
    (_, i) => frobeniusNorm(rowsOf(matrix, i, 1)),
  );
}

const byDescendingNorm = (matrix: DenseMatrix): Uint32Array => descendingOrder(rowNorms(matrix));

function descendingOrder(values: Float64Array): Uint32Array {
  return Uint32Array.from(values.keys()).sort((i, j) => values[j] - values[i] || i - j);
}

function permuted(matrix: DenseMatrix, order: Uint32Array): DenseMatrix {
  const out = zeros(matrix.rows, matrix.columns);
  order.forEach((from, i) => out.data.set(rowsOf(matrix, from, 1).data, i * matrix.columns));
  return out;
}

/** Undoes {@link permuted} on the columns: moves value j of each row to `order[j]`. */
function unpermuted(matrix: DenseMatrix, order: Uint32Array): DenseMatrix {
  const out = zeros(matrix.rows, matrix.columns), { columns } = matrix;
  for (let i = 0; i < matrix.rows; i++) {
    for (let j = 0; j < columns; j++) {
      out.data[i * columns + order[j]] = matrix.data[i * columns + j];
    }
  }
  return out;
}

/**
 * Divides rows by their norms, in place; zero rows, which come last, are replaced to complete the
 * basis.
 */
function unitRows(matrix: DenseMatrix): DenseMatrix {
  const { rows, columns, data } = matrix;
  for (let i = 0; i < rows; i++) {
    const norm = frobeniusNorm(rowsOf(matrix, i, 1));
    if (norm < 1e-140) return completed(matrix, i);
    for (let j = 0; j < columns; j++) data[i * columns + j] /= norm;
  }
  return matrix;
}

/**
 * Fills a square matrix from row `known` on with unit vectors, made orthogonal to the rows before
 * twice.
 */
function completed(matrix: DenseMatrix, known: number): DenseMatrix {
  const { columns, data } = matrix;
  for (let i = known, unit = 0; i < matrix.rows; unit++) {
    const at = i * columns;
    data.fill(0, at, at + columns)[at + unit] = 1;
    for (let pass = 0; pass < 2; pass++) {
      for (let row = 0; row < i; row++) {
        addRow(
          data,
          at,
          data,
          row * columns,
          columns,
          -dot(data, at, data, row * columns, columns),
        );
      }
    }
    const norm = frobeniusNorm(rowsOf(matrix, i, 1));
    // Of n unit vectors, at least one is √((n − i) / n) or more away from the span of the i rows
    // before.
    if (norm < 0.5 / Math.sqrt(columns)) continue;
    for (let j = 0; j < columns; j++) data[at + j] /= norm;
    i++;
  }
  return matrix;
}

// Jacobi rotations.

const mostSweeps = 60;

/** Smaller squared norms are underflow noise: rows below 1e-140 of the largest count as zero. */
const vanishing = 1e-280;

/**
 * Rotates pairs of rows of M, in place, until all are orthogonal (Hestenes 1958): R M = M′. The same
 * rotations are applied to `others`, so that an identity matrix becomes R.
 *
 * Rows count as orthogonal when their cosine is at most 2 √columns · ε, the rounding error of a
 * rotation and a product: with less, the rotations would never converge. A bound on the cosine keeps
 * the norms of small rows accurate relative to themselves (Demmel and Veselić 1992). M must be scaled:
 * see `normalized`.
 *
 * @throws {RangeError} when the rotations do not converge.
 */
function orthogonalizeRows(matrix: DenseMatrix, others?: DenseMatrix): void {
  const { data } = matrix, otherData = others?.data ?? new Float64Array(), end = data.length;
  const space = openRows(end + otherData.length), { values } = space;
  values.set(data);
  values.set(otherData, end);
  rotateUntilOrthogonal(space, { ...matrix, place: 0 }, others && { ...others, place: end });
  data.set(values.subarray(0, end));
  otherData.set(values.subarray(end, end + otherData.length));
}

function rotateUntilOrthogonal(space: RowSpace, rows: PlacedRows, others?: PlacedRows): void {
  const tolerance = 2 * Math.sqrt(rows.columns) * Number.EPSILON;
  const squares = new Float64Array(rows.rows);
  for (let sweep = 0; sweep < mostSweeps; sweep++) {
    if (!rotateAll(space, rows, others, squares, tolerance)) return;
  }
  throw new RangeError(`singular values were not found in ${mostSweeps} sweeps of rotations`);
}

/** One sweep over all pairs; true when any was not yet orthogonal. */
function rotateAll(
  { dot, rotateRows }: RowSpace,
  { place, rows, columns }: PlacedRows,
  others: PlacedRows | undefined,
  squares: Float64Array,
  tolerance: number,
): boolean {
  let rotated = false;
  const rowAt = (p: number) => place + p * columns;
  // Updated by every rotation, and recomputed in every sweep so that rounding errors do not add up.
  for (let p = 0; p < rows; p++) squares[p] = dot(rowAt(p), rowAt(p), columns);
  for (let p = 0; p < rows; p++) {
    for (let q = p + 1; q < rows; q++) {
      if (squares[p] < vanishing || squares[q] < vanishing) continue;
      const product = dot(rowAt(p), rowAt(q), columns);
      if (Math.abs(product) <= tolerance * Math.sqrt(squares[p]) * Math.sqrt(squares[q])) continue;
      const tangent = smallerTangent((squares[q] - squares[p]) / (2 * product));
      rotated = true;
      squares[p] -= tangent * product;
      squares[q] += tangent * product;
      const cosine = 1 / Math.sqrt(1 + tangent * tangent), sine = cosine * tangent;
      rotateRows(rowAt(p), rowAt(q), columns, cosine, sine);
      if (others) {
        const { place, columns } = others;
        rotateRows(place + p * columns, place + q * columns, columns, cosine, sine);
      }
    }
  }
  return rotated;
}

/** The tangent of the smaller of the two angles that make a pair of rows orthogonal. */
function smallerTangent(zeta: number): number {
  return Math.sign(zeta || 1) / (Math.abs(zeta) + Math.sqrt(1 + zeta * zeta));
}

// Symmetric matrices.

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
