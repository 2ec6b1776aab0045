/** Dense matrices in float64, their products, and loops over rows of small ones. @module */

import { openRows } from "../blas/mod.ts";
import { type HostTensor, nonFiniteAt } from "../core/tensor.ts";

// Matrices.

/** Rows x columns, row-major. */
export interface DenseMatrix {
  /** Number of rows. */
  readonly rows: number;
  /** Number of columns. */
  readonly columns: number;
  /** Values, row by row. */
  readonly data: Float64Array<ArrayBuffer>;
}

/** Rows x columns, row-major, in F32 or float64. */
export interface LargeMatrix {
  /** Number of rows. */
  readonly rows: number;
  /** Number of columns. */
  readonly columns: number;
  /** Values, row by row. */
  readonly data: Float32Array | Float64Array;
}

/** A matrix of zeros. */
export function zeros(rows: number, columns: number): DenseMatrix {
  return { rows, columns, data: new Float64Array(rows * columns) };
}

/** The first rows of an identity: ones where row and column are equal. */
export function identity(rows: number, columns = rows): DenseMatrix {
  const out = zeros(rows, columns);
  for (let i = 0; i < Math.min(rows, columns); i++) out.data[i * columns + i] = 1;
  return out;
}

/** A range of rows, in the same memory. */
export function rowsOf({ columns, data }: DenseMatrix, start: number, count: number): DenseMatrix {
  const part = data.subarray(start * columns, (start + count) * columns);
  return { rows: count, columns, data: part };
}

/** The transpose as a new matrix, in float64. */
export function transposed({ rows, columns, data }: LargeMatrix): DenseMatrix {
  const out = new Float64Array(data.length), tile = 32;
  // In tiles, written along rows: each value of a whole column of a wide matrix is in a cache line of its own.
  for (let top = 0; top < rows; top += tile) {
    for (let left = 0; left < columns; left += tile) {
      const bottom = Math.min(top + tile, rows), right = Math.min(left + tile, columns);
      for (let j = left; j < right; j++) {
        for (let i = top; i < bottom; i++) out[j * rows + i] = data[i * columns + j];
      }
    }
  }
  return { rows: columns, columns: rows, data: out };
}

/** The matrix with every value times `factor`. */
export function scaledBy({ rows, columns, data }: DenseMatrix, factor: number): DenseMatrix {
  return { rows, columns, data: data.map((value) => factor * value) };
}

/** A tensor of two axes as a matrix, copied. */
export function denseOf({ shape: [rows, columns], data }: HostTensor): DenseMatrix {
  return { rows, columns, data: Float64Array.from(data) };
}

/** A + B, of matrices of one shape. */
export function sum(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  return { ...a, data: a.data.map((value, i) => value + b.data[i]) };
}

/** A − B, of matrices of one shape. */
export function difference(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  return { ...a, data: a.data.map((value, i) => value - b.data[i]) };
}

/** ‖A‖², the sum of the squares: for values that neither overflow nor vanish when squared. */
export function squaredNorm({ data }: DenseMatrix): number {
  return data.reduce((sum, value) => sum + value * value, 0);
}

/** The largest magnitude, 0 for a matrix without values. */
function largestMagnitude(data: Float64Array): number {
  let largest = 0;
  for (let i = 0; i < data.length; i++) largest = Math.max(largest, Math.abs(data[i]));
  return largest;
}

/** ‖A‖_F, from scaled values so that their squares neither overflow nor underflow. */
export function frobeniusNorm({ data }: DenseMatrix): number {
  const largest = largestMagnitude(data);
  if (largest === 0) return 0;
  let sum = 0;
  for (let i = 0; i < data.length; i++) sum += (data[i] / largest) ** 2;
  return largest * Math.sqrt(sum);
}

/** Throws a `RangeError` that names `what` and the position of the first value that is not finite. */
export function assertFinite(
  what: string,
  { columns, data }: Pick<LargeMatrix, "columns" | "data">,
): void {
  const at = nonFiniteAt(data);
  if (at < 0) return;
  const place = `[${Math.floor(at / columns)}, ${at % columns}]`;
  throw new RangeError(`${what} must have finite values, found ${data[at]} at ${place}`);
}

/**
 * Scales a matrix by a power of two so that its largest magnitude is in [1, 2) and later squares
 * neither overflow nor underflow. Exact, except for values too small compared with the largest.
 * `exponent` undoes it.
 */
export function normalized(matrix: DenseMatrix): { scaled: DenseMatrix; exponent: number } {
  const exponent = exponentOf(largestMagnitude(matrix.data));
  return { scaled: { ...matrix, data: timesPowerOfTwo(matrix.data, -exponent) }, exponent };
}

/** The power of two of {@link normalized} for a largest magnitude: 0 for zeros. */
export function exponentOf(largest: number): number {
  return largest === 0 ? 0 : Math.floor(Math.log2(largest));
}

/** values · 2^exponent. */
export function timesPowerOfTwo(values: Float64Array, exponent: number): Float64Array<ArrayBuffer> {
  const [one, other] = halfPowers(exponent), out = new Float64Array(values);
  for (let i = 0; i < out.length; i++) out[i] = out[i] * one * other; // `map` takes ten times as long
  return out;
}

/** Two factors of 2^exponent, because 2^1074 is not a finite number. */
export function halfPowers(exponent: number): [number, number] {
  const half = Math.trunc(exponent / 2);
  return [2 ** half, 2 ** (exponent - half)];
}

/** Matrices of one width, at least one, one below the other. */
export function stackedRows(matrices: readonly DenseMatrix[]): DenseMatrix {
  const rows = matrices.reduce((sum, { rows }) => sum + rows, 0), [{ columns }] = matrices;
  const out = zeros(rows, columns);
  let at = 0;
  for (const { data } of matrices) {
    out.data.set(data, at);
    at += data.length;
  }
  return out;
}

// Products.

/** Values at the start of the memory for what one call of its loops gives or takes. */
const scratch = 8;

/** Approximate number of values of A or of A B that are in the memory beside B. */
const valuesAtOnce = 2 ** 20;

/** A Bᵀ as dot products of rows. */
export function multiplyTransposed(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const out = zeros(a.rows, b.rows), { columns } = a, four = b.rows - b.rows % 4;
  const { space, place, height } = placed(b, a), { values, dot, dotFour } = space;
  for (let i = 0; i < a.rows; i += 2) {
    const at = i % height, isPair = i + 1 < a.rows;
    if (at === 0) values.set(rowsOf(a, i, height).data, place);
    const x = place + at * columns, y = isPair ? x + columns : x;
    for (let j = 0; j < four; j += 4) {
      dotFour(x, y, scratch + j * columns, columns, columns, 0);
      for (let c = 0; c < 4; c++) out.data[i * b.rows + j + c] = values[c];
      for (let c = 0; isPair && c < 4; c++) out.data[(i + 1) * b.rows + j + c] = values[4 + c];
    }
    for (let j = four; j < b.rows; j++) {
      const row = scratch + j * columns;
      out.data[i * b.rows + j] = dot(x, row, columns);
      if (isPair) out.data[(i + 1) * b.rows + j] = dot(y, row, columns);
    }
  }
  return out;
}

/** A B as sums of rows of B. */
export function multiply(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  const out = zeros(a.rows, b.columns), { columns } = b, inner = a.columns;
  const four = inner - inner % 4;
  const { space, place: x } = placed(b, { rows: 2, columns }), { values, addRow, addFour } = space;
  for (let i = 0; i < a.rows; i += 2) {
    const isPair = i + 1 < a.rows, y = isPair ? x + columns : x, end = y + columns;
    values.fill(0, x, end);
    for (let p = 0; p < four; p += 4) {
      for (let c = 0; c < 4; c++) {
        values[c] = a.data[i * inner + p + c];
        values[4 + c] = isPair ? a.data[(i + 1) * inner + p + c] : 0;
      }
      addFour(x, y, scratch + p * columns, columns, columns, 0);
    }
    for (let p = four; p < inner; p++) {
      const row = scratch + p * columns;
      addRow(x, row, columns, a.data[i * inner + p]);
      if (isPair) addRow(y, row, columns, a.data[(i + 1) * inner + p]);
    }
    out.data.set(values.subarray(x, end), i * columns);
  }
  return out;
}

/** B in the memory of the loops, and behind it the place for an even number of rows, as many as there are at most. */
function placed(b: DenseMatrix, { rows, columns }: Pick<DenseMatrix, "rows" | "columns">) {
  const pairs = Math.min(Math.ceil(rows / 2), Math.ceil(valuesAtOnce / (2 * Math.max(1, columns))));
  const place = scratch + b.data.length, height = 2 * pairs;
  const space = openRows(place + height * columns);
  space.values.set(b.data, scratch);
  return { space, place, height };
}

// Rows of small matrices.

/** y[at + i] += factor · x[from + i] for `length` values. */
export function addRow(
  y: Float64Array,
  at: number,
  x: Float64Array,
  from: number,
  length: number,
  factor: number,
): void {
  if (factor === 0) return;
  for (let i = 0; i < length; i++) y[at + i] += factor * x[from + i];
}

/** Σ x[at + i] · y[from + i], in four sums, as a single one would wait for each addition. */
export function dot(
  x: Float64Array,
  at: number,
  y: Float64Array,
  from: number,
  length: number,
): number {
  let s0 = 0, s1 = 0, s2 = 0, s3 = 0, i = 0;
  for (; i + 3 < length; i += 4) {
    s0 += x[at + i] * y[from + i];
    s1 += x[at + i + 1] * y[from + i + 1];
    s2 += x[at + i + 2] * y[from + i + 2];
    s3 += x[at + i + 3] * y[from + i + 3];
  }
  for (; i < length; i++) s0 += x[at + i] * y[from + i];
  return (s0 + s1) + (s2 + s3);
}

/** (x, y) ← (cosine x − sine y, sine x + cosine y) for the rows of `data` that begin at p and q. */
export function rotateRows(
  data: Float64Array,
  p: number,
  q: number,
  length: number,
  cosine: number,
  sine: number,
): void {
  for (let i = 0; i < length; i++) {
    const x = data[p + i], y = data[q + i];
    data[p + i] = cosine * x - sine * y;
    data[q + i] = sine * x + cosine * y;
  }
}
