/** The share of vectors that the first directions of other vectors hold, from inner products alone. @module */

import { type DenseMatrix, symmetricEigen, zeros } from "../../../src/linalg/mod.ts";

/** Numbers of directions. */
export const sizes = [1, 2, 4, 8, 16, 32] as const;

/** The origin of the directions: zero, or the mean of the vectors that they are made of. */
export type About = "zero" | "mean";

/**
 * Inner products of the rows of several items: each has as many rows, one below another. An item is a vector where it
 * has one row.
 */
export interface Products {
  /** The inner product of every two rows. */
  readonly gram: DenseMatrix;
  /** Rows of an item. */
  readonly rows: number;
}

/** The first directions of some vectors, as they meet another item. */
interface Meeting {
  /** Squares of the item's coordinates, the direction that holds most of the others first. */
  readonly squares: readonly number[];
  /** The item's own square, less the origin. */
  readonly whole: number;
  /** Weights of the vectors whose sum, with these directions, is nearest to the item. */
  readonly weights: (size: number) => Float64Array;
}

/** Eigenvalues below this share of the largest are rounding. */
const least = 1e-10;

/** The share of an item that the first directions of others hold, for each of {@link sizes}. */
export function heldShares(
  products: Products,
  item: number,
  others: readonly number[],
  about: About,
): number[] {
  const { squares, whole } = meet(products, item, others, about);
  return sizes.map((size) => sumOf(squares.slice(0, size)) / whole);
}

/**
 * Weights of the others whose sum is the projection of a vector on their first directions, where they are about the mean
 * that of the vector less the mean, plus the mean.
 */
export function projectionWeights(
  products: Products,
  item: number,
  others: readonly number[],
  { about, size }: { readonly about: About; readonly size: number },
): number[] {
  const weights = meet(products, item, others, about).weights(size), count = others.length;
  const rest = about === "mean" ? (1 - sumOf(weights)) / count : 0;
  return Array.from(weights, (weight) => weight + rest);
}

/** The share of a vector that the direction of the mean of others holds, and its coordinate by the mean's norm. */
export function heldByMean(
  { gram }: Products,
  item: number,
  others: readonly number[],
): { readonly share: number; readonly weight: number } {
  const at = (i: number, j: number) => gram.data[i * gram.columns + j], count = others.length;
  const along = sumOf(others.map((other) => at(item, other))) / count;
  const norm = sumOf(others.flatMap((i) => others.map((j) => at(i, j)))) / count ** 2;
  return { share: along ** 2 / norm / at(item, item), weight: along / norm };
}

/** The share of some vectors that their own first directions hold, for each of {@link sizes}. */
export function ownShares({ gram }: Products, about: About): number[] {
  const centered = about === "mean" ? centeredGram(gram) : gram;
  const values = Array.from(symmetricEigen(centered).values, (value) => Math.max(value, 0));
  return sizes.map((size) => sumOf(values.slice(0, size)) / sumOf(values));
}

function meet(
  { gram, rows }: Products,
  item: number,
  others: readonly number[],
  about: About,
): Meeting {
  const own = rowsOf(item, rows), all = others.flatMap((other) => rowsOf(other, rows));
  const picked = pick(gram, [...own, ...all]);
  const placed = about === "mean" ? centeredGram(picked, rows) : picked;
  const { values, vectors } = symmetricEigen(pick(placed, all.map((_, at) => rows + at)));
  const kept = values.findIndex((value) => value <= least * values[0]);
  const count = kept < 0 ? values.length : kept;
  const along = own.map((_, row) => coordinates(placed, row, vectors, count));
  const squares = Array.from(
    { length: count },
    (_, at) => sumOf(along.map((one) => one[at] ** 2)) / values[at],
  );
  return {
    squares,
    whole: sumOf(own.map((_, row) => placed.data[row * placed.columns + row])),
    weights: (size) => combine(along[0], values, vectors, Math.min(size, count)),
  };
}

const rowsOf = (item: number, rows: number): number[] =>
  Array.from({ length: rows }, (_, row) => item * rows + row);

/** Rows and columns of a square matrix. */
function pick({ data, columns }: DenseMatrix, at: readonly number[]): DenseMatrix {
  const out = zeros(at.length, at.length);
  at.forEach((from, i) =>
    at.forEach((to, j) => out.data[i * at.length + j] = data[from * columns + to])
  );
  return out;
}

/** Inner products less the mean of the vectors from a row on. */
function centeredGram(gram: DenseMatrix, from = 0): DenseMatrix {
  const { rows, data } = gram, out = zeros(rows, rows), count = rows - from;
  const means = Array.from(
    { length: rows },
    (_, i) => sumOf(data.subarray(i * rows + from, (i + 1) * rows)) / count,
  );
  const all = sumOf(means.slice(from)) / count;
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < rows; j++) {
      out.data[i * rows + j] = data[i * rows + j] - means[i] - means[j] + all;
    }
  }
  return out;
}

/** Inner products of a row of the item with the others, by eigenvector. */
function coordinates(
  { data, columns }: DenseMatrix,
  row: number,
  { data: vectors, columns: width }: DenseMatrix,
  count: number,
): number[] {
  const own = data.subarray((row + 1) * columns - width, (row + 1) * columns);
  return Array.from(
    { length: count },
    (_, at) => own.reduce((sum, value, j) => sum + value * vectors[at * width + j], 0),
  );
}

/** Σ along / λ · vector. */
function combine(
  along: readonly number[],
  values: Float64Array,
  { data, columns }: DenseMatrix,
  size: number,
): Float64Array {
  const weights = new Float64Array(columns);
  for (let at = 0; at < size; at++) {
    const factor = along[at] / values[at];
    for (let j = 0; j < columns; j++) weights[j] += factor * data[at * columns + j];
  }
  return weights;
}

function sumOf(values: ArrayLike<number>): number {
  let sum = 0;
  for (let at = 0; at < values.length; at++) sum += values[at];
  return sum;
}
