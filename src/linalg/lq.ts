/**
 * A = L Q by Householder reflections of rows, or for wide matrices by Cholesky factors of Gram
 * matrices, which is faster; and products with Q.
 *
 * @module
 */

import { type LapackSymbols, openRows, type RowSpace } from "../blas/mod.ts";
import {
  type DenseMatrix,
  exponentOf,
  halfPowers,
  type LargeMatrix,
  timesPowerOfTwo,
  transposed,
  zeros,
} from "./matrix.ts";

// By reflections.

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

// Reflections.

/** Rows in the memory. */
export interface PlacedRows {
  /** Position of the first one. */
  readonly place: number;
  /** Number of rows. */
  readonly rows: number;
  /** Values of each. */
  readonly columns: number;
}

/** Reflections that are applied together, so that a row is read once for all of them. */
const together = 4;

/** Values at the start of the memory that {@link reflectByGroup} uses. */
const scratch: number = 2 * together;

/** Settings for applying the reflections Hₚ = I − factorₚ vₚᵀ vₚ. */
export interface Reflecting {
  /** vₚ in row p, with zeros before its first value. */
  readonly vectors: PlacedRows;
  /** factorₚ. */
  readonly factors: Float64Array;
  /** The columns before this one are zero in all vₚ that are applied. */
  readonly skip: number;
}

/** x ← x Hₚ for the rows of X from `begin` to `end`. */
function reflectEach(
  { dot, addRow }: RowSpace,
  X: PlacedRows,
  [begin, end]: readonly [number, number],
  { vectors, factors, skip }: Reflecting,
  p: number,
): void {
  const { columns } = X, length = columns - skip, v = vectors.place + p * columns + skip;
  for (let row = begin; row < end; row++) {
    const x = X.place + row * columns + skip;
    addRow(x, v, length, -factors[p] * dot(x, v, length));
  }
}

/**
 * Applies four reflections to the rows of X from `begin` on, as I − Vᵀ T V (Schreiber and Van Loan 1989): with d = V x,
 * the sequence of reflections subtracts Σ cₚ vₚ with cₚ = factorₚ (dₚ − Σ (vₚ · v_q) c_q), summed over the q before p.
 *
 * @param order The reflections in the order in which they are applied, each in the same group of four.
 */
function reflectByGroup(
  { values, dot, dotFour, addFour }: RowSpace,
  X: PlacedRows,
  begin: number,
  { vectors, factors, skip }: Reflecting,
  order: readonly number[],
): void {
  const { columns } = X, length = columns - skip, first = Math.min(...order);
  const v = vectors.place + first * columns + skip, slot = order.map((p) => p - first);
  const products = slot.map((p, i) =>
    slot.slice(0, i).map((q) => dot(v + p * columns, v + q * columns, length))
  );
  for (let row = begin; row < X.rows; row += 2) {
    const x = X.place + row * columns + skip, isPair = row + 1 < X.rows;
    const y = isPair ? x + columns : x;
    dotFour(x, y, v, columns, length, 0);
    for (let at = 0; at < 2 * together; at += together) {
      for (let i = 0; i < together; i++) {
        let sum = values[at + slot[i]];
        for (let j = 0; j < i; j++) sum += products[i][j] * values[at + slot[j]];
        values[at + slot[i]] = -factors[order[i]] * sum;
      }
    }
    if (!isPair) values.fill(0, together, 2 * together);
    addFour(x, y, v, columns, length, 0);
  }
}

/** The inputs of {@link makeReflection}: values, and products of rows of them. */
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

/** Row-major, as cblas names it, with the lower triangle, which LAPACK's columns have above the diagonal. */
const rowMajor = 101, asIs = 111, lower = 122, hasDiagonal = 131, fromLeft = 141;
const lowerOfRows = new TextEncoder().encode("U");

// By Cholesky factors.

/**
 * Least columns a row: with fewer, Gram matrices are not small beside the matrix, and reflections
 * cost less.
 */
const columnsPerRow = 4;

/** True if the matrix is wide enough for Cholesky factors to pay. */
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
