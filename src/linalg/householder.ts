/** A = L Q by Householder reflections of rows. @module */

import { type DenseMatrix, identity, normalized, timesPowerOfTwo, zeros } from "./matrix.ts";
import { addRow, dot } from "./rows.ts";

/** A = L Q. */
export interface Lq {
  /** rows x k, zero above the diagonal, where k is the smaller of rows and columns. */
  readonly L: DenseMatrix;
  /** k x columns, with orthonormal rows. */
  readonly Q: DenseMatrix;
}

/**
 * L and Q of any finite matrix; 4 · columns · rows² operations if it is wide.
 *
 * Golub and Van Loan, Matrix Computations, algorithm 5.2.1, on rows instead of columns.
 */
export function lq(matrix: DenseMatrix): Lq {
  const { L, vectors, factors } = reflectRows(matrix);
  return { L, Q: productOfReflections(vectors, factors, L.columns, 0) };
}

/** L alone, in half the time. */
export function lowerTriangle(matrix: DenseMatrix): DenseMatrix {
  return reflectRows(matrix).L;
}

/**
 * The first `size` rows of … H₁ H₀, where Hₚ = I − factorₚ vₚᵀ vₚ and vₚ is in row p of `vectors`,
 * starting at column p + `shift`.
 */
export function productOfReflections(
  vectors: DenseMatrix,
  factors: Float64Array,
  size: number,
  shift: number,
): DenseMatrix {
  const { columns } = vectors, Q = identity(size, columns);
  for (let p = factors.length - 1; p >= 0; p--) {
    const begin = p + shift;
    // Rows above are still orthogonal to vₚ.
    for (let row = begin; row < size; row++) {
      reflect(
        Q.data,
        row * columns + begin,
        vectors.data,
        p * columns + begin,
        columns - begin,
        factors[p],
      );
    }
  }
  return Q;
}

/**
 * Replaces `length` values, starting at `at`, by the vector v that reflects them onto the first axis.
 * Returns the reflected first value and the factor in H = I − factor vᵀ v.
 */
export function makeReflection(
  data: Float64Array,
  at: number,
  length: number,
): { head: number; factor: number } {
  const head = data[at], norm = Math.sqrt(dot(data, at, data, at, length));
  // Values that are zero, or whose squares underflow, stay as they are.
  if (norm === 0) return { head, factor: 0 };
  const reflected = head > 0 ? -norm : norm;
  data[at] = head - reflected; // opposite signs, so nothing cancels
  return { head: reflected, factor: 1 / (norm * (norm + Math.abs(head))) };
}

/** L, and the reflections whose product is Q. */
function reflectRows(
  matrix: DenseMatrix,
): { L: DenseMatrix; vectors: DenseMatrix; factors: Float64Array } {
  const { scaled: vectors, exponent } = normalized(matrix);
  const { rows, columns, data } = vectors, size = Math.min(rows, columns);
  const L = zeros(rows, size), factors = new Float64Array(size);
  for (let p = 0; p < size; p++) {
    const at = p * columns + p, length = columns - p;
    const { head, factor } = makeReflection(data, at, length);
    factors[p] = factor;
    L.data[p * size + p] = head;
    for (let row = p + 1; row < rows; row++) {
      reflect(data, row * columns + p, data, at, length, factor);
      L.data[row * size + p] = data[row * columns + p];
    }
  }
  return { L: { ...L, data: timesPowerOfTwo(L.data, exponent) }, vectors, factors };
}

/** x ← x − factor (x · v) v for the `length` values of x that start at `at`. */
function reflect(
  x: Float64Array,
  at: number,
  vectors: Float64Array,
  from: number,
  length: number,
  factor: number,
): void {
  addRow(x, at, vectors, from, length, -factor * dot(x, at, vectors, from, length));
}
