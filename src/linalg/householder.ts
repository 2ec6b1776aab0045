/** A = L Q by Householder reflections of rows. @module */

import { openRows, type RowSpace } from "../blas/mod.ts";
import {
  type DenseMatrix,
  exponentOf,
  halfPowers,
  type LargeMatrix,
  timesPowerOfTwo,
  transposed,
  zeros,
} from "./matrix.ts";
import { type PlacedRows, reflectByGroup, reflectEach, scratch, together } from "./reflections.ts";

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
  const { rows, columns } = matrix;
  openRows(scratch + 2 * Math.min(rows, columns) * columns); // for Q too: what has no room fails at once
  const { L, factors, space } = reflectRows(matrix);
  const data = space.values.slice(scratch, scratch + factors.length * columns);
  const vectors = { rows: factors.length, columns, data };
  return { L, Q: productOfReflections(vectors, factors, L.columns, 0) };
}

/** L alone, in half the time. */
export function lowerTriangle(matrix: LargeMatrix): DenseMatrix {
  return reflectRows(matrix).L;
}

/** R alone of A = Q R: the transpose of L of Aᵀ. */
export function upperTriangle(matrix: LargeMatrix): DenseMatrix {
  return transposed(reflectRows(matrix, "transposed").L);
}

/**
 * The first `size` rows of … H₁ H₀, where Hₚ = I − factorₚ vₚᵀ vₚ and vₚ is in row p of `vectors`,
 * starting at column p + `shift`.
 */
export function productOfReflections(
  { columns, data }: DenseMatrix,
  factors: Float64Array,
  size: number,
  shift: number,
): DenseMatrix {
  const count = factors.length, vectors = { place: scratch, rows: count, columns };
  const Q = { place: scratch + count * columns, rows: size, columns };
  const end = Q.place + size * columns, space = openRows(end), { values } = space;
  values.set(data.subarray(0, count * columns), scratch);
  for (let p = 0; p < count; p++) {
    const row = scratch + p * columns;
    values.fill(0, row, row + p + shift);
  }
  values.fill(0, Q.place, end);
  for (let i = 0; i < size; i++) values[Q.place + i * columns + i] = 1;
  // Rows above are still orthogonal to vₚ.
  const grouped = count - count % together;
  for (let p = count - 1; p >= grouped; p--) {
    reflectEach(space, Q, [p + shift, size], { vectors, factors, skip: p + shift }, p);
  }
  for (let first = grouped - together; first >= 0; first -= together) {
    const reflecting = { vectors, factors, skip: first + shift };
    reflectByGroup(space, Q, first + shift, reflecting, [3, 2, 1, 0].map((p) => first + p));
  }
  return { rows: size, columns, data: values.slice(Q.place, end) };
}

/** L of the matrix or its transpose and, in the memory of `space` from `scratch` on, the reflections whose product is Q. */
function reflectRows(
  matrix: LargeMatrix,
  transpose?: "transposed",
): { L: DenseMatrix; factors: Float64Array; space: RowSpace } {
  const { space, X, exponent } = placed(matrix, transpose), { values } = space;
  const { rows, columns } = X, size = Math.min(rows, columns);
  const L = zeros(rows, size), factors = new Float64Array(size);
  const finish = (row: number, p: number) => {
    const at = scratch + row * columns + p;
    L.data[row * size + p] = values[at];
    values[at] = 0; // so that vectors of one group begin at the same column
  };
  for (let first = 0; first < size; first += together) {
    const end = Math.min(first + together, size), isGroup = end === first + together;
    // Up to here rows take the reflections one by one; behind it, all four at once.
    const last = isGroup ? end : rows;
    for (let p = first; p < end; p++) {
      const { head, factor } = makeReflection(space, scratch + p * columns + p, columns - p);
      factors[p] = factor;
      L.data[p * size + p] = head;
      reflectEach(space, X, [p + 1, last], { vectors: X, factors, skip: p }, p);
      for (let row = p + 1; row < last; row++) finish(row, p);
    }
    if (last === rows) continue;
    const order = [first, first + 1, first + 2, first + 3];
    reflectByGroup(space, X, last, { vectors: X, factors, skip: first }, order);
    for (let row = last; row < rows; row++) for (let p = first; p < end; p++) finish(row, p);
  }
  return { L: { ...L, data: timesPowerOfTwo(L.data, exponent) }, factors, space };
}

/** A matrix or its transpose in the memory, times 2^-exponent so that squares neither overflow nor underflow. */
function placed(matrix: LargeMatrix, transpose?: "transposed") {
  const { rows, columns, data } = matrix, { length } = data, behind = scratch + length;
  const space = openRows(transpose ? behind + length : behind),
    place = transpose ? behind : scratch;
  space.values.set(data, place);
  if (transpose) space.transpose(scratch, behind, rows, columns);
  const exponent = exponentOf(space.largest(scratch, length));
  space.scale(scratch, length, ...halfPowers(-exponent));
  const [height, width] = transpose ? [columns, rows] : [rows, columns];
  const X: PlacedRows = { place: scratch, rows: height, columns: width };
  return { space, X, exponent };
}

/** What {@link makeReflection} needs: values, and products of rows of them. */
type Dotted = Pick<RowSpace, "values" | "dot">;

/**
 * Replaces `length` values, starting at `at`, by the vector v that reflects them onto the first axis.
 * Returns the reflected first value and the factor in H = I − factor vᵀ v.
 */
export function makeReflection(
  { values, dot }: Dotted,
  at: number,
  length: number,
): { head: number; factor: number } {
  const head = values[at], norm = Math.sqrt(dot(at, at, length));
  // Values that are zero, or whose squares underflow, stay as they are.
  if (norm === 0) return { head, factor: 0 };
  const reflected = head > 0 ? -norm : norm;
  values[at] = head - reflected; // opposite signs, so nothing cancels
  return { head: reflected, factor: 1 / (norm * (norm + Math.abs(head))) };
}
