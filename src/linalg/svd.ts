/** Singular values and vectors by Jacobi rotations of a triangular factor. @module */

import { lowerTriangle, lq } from "./householder.ts";
import { orthogonalizeRows } from "./jacobi.ts";
import {
  type DenseMatrix,
  frobeniusNorm,
  identity,
  normalized,
  rowsOf,
  timesPowerOfTwo,
  transposed,
  zeros,
} from "./matrix.ts";
import { multiply, multiplyTransposed } from "./products.ts";
import { addRow, dot } from "./rows.ts";
import { symmetricEigen } from "./symmetric_eigen.ts";

/** A = Σᵢ σᵢ uᵢ vᵢᵀ with k terms, the smaller of rows and columns. Vectors are rows, each contiguous in memory. */
export interface Svd {
  /** uᵢ, (k, rows), orthonormal even if σᵢ is zero. */
  readonly left: DenseMatrix;
  /** σ₁ ≥ σ₂ ≥ … */
  readonly values: Float64Array;
  /** vᵢ, (k, columns), orthonormal even if σᵢ is zero. */
  readonly right: DenseMatrix;
}

/** From this many rows on, rotations start from eigenvectors: twice as fast at 768 rows. */
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
