/** A = L Q by Householder reflections of rows. @module */

import { type DenseMatrix, identity, normalized, timesPowerOfTwo, zeros } from "./matrix.ts";
import { addRow, dot, dotFour, subtractFour } from "./rows.ts";

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

/** Reflections that are applied together, so that a row is read once for all of them. */
const together = 4;

/** L, and the reflections whose product is Q. */
function reflectRows(
  matrix: DenseMatrix,
): { L: DenseMatrix; vectors: DenseMatrix; factors: Float64Array } {
  const { scaled: vectors, exponent } = normalized(matrix);
  const { rows, columns, data } = vectors, size = Math.min(rows, columns);
  const L = zeros(rows, size), factors = new Float64Array(size);
  const finish = (row: number, p: number) => {
    const at = row * columns + p;
    L.data[row * size + p] = data[at];
    data[at] = 0; // so that vectors of one group begin at the same column
  };
  for (let first = 0; first < size; first += together) {
    const end = Math.min(first + together, size), isGroup = end === first + together;
    // Up to here rows take the reflections one by one; behind it, in pairs, all four at once.
    const last = isGroup ? end + (rows - end) % 2 : rows;
    for (let p = first; p < end; p++) {
      const at = p * columns + p, length = columns - p;
      const { head, factor } = makeReflection(data, at, length);
      factors[p] = factor;
      L.data[p * size + p] = head;
      for (let row = p + 1; row < last; row++) {
        reflect(data, row * columns + p, data, at, length, factor);
        finish(row, p);
      }
    }
    reflectByGroup(vectors, first, factors, last);
    for (let row = last; row < rows; row++) for (let p = first; p < end; p++) finish(row, p);
  }
  return { L: { ...L, data: timesPowerOfTwo(L.data, exponent) }, vectors, factors };
}

/**
 * Applies the four reflections of rows `first` … to the rows from `begin` on, as I − Vᵀ T V (Schreiber and Van Loan
 * 1989): with d = V x, the sequence of reflections subtracts Σ cₚ vₚ with cₚ = factorₚ (dₚ − Σ_q<p (vₚ · v_q) c_q).
 */
function reflectByGroup(
  { rows, columns, data }: DenseMatrix,
  first: number,
  factors: Float64Array,
  begin: number,
): void {
  if (begin >= rows) return;
  const length = columns - first, from = first * columns + first;
  const products = new Float64Array(together * together), d = new Float64Array(2 * together);
  for (let p = 0; p < together; p++) {
    for (let q = 0; q < p; q++) {
      products[together * p + q] = dot(data, from + p * columns, data, from + q * columns, length);
    }
  }
  const solve = (at: number) => {
    for (let p = 0; p < together; p++) {
      for (let q = 0; q < p; q++) d[at + p] -= products[together * p + q] * d[at + q];
      d[at + p] *= factors[first + p];
    }
  };
  for (let row = begin; row < rows; row += 2) {
    const x = row * columns + first, y = x + columns;
    dotFour(data, x, y, from, columns, length, d);
    solve(0);
    solve(together);
    subtractFour(data, x, y, from, columns, length, d);
  }
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
