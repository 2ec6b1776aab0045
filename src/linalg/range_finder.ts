/** Large matrices, read a few rows at a time, and their leading singular values and vectors by random projections. @module */

import { Random } from "../core/random.ts";
import { gaussian } from "./gaussian.ts";
import { lq, multiply, multiplyTransposed, svd } from "./linalg.ts";
import { type DenseMatrix, type LargeMatrix, rowsOf, transposed, zeros } from "./matrix.ts";
import type { Svd } from "./svd.ts";

/** About 8 MB of float64. */
const valuesAtOnce = 2 ** 20;

/** X Wᵀ, where X has few rows. */
export function timesTransposed(x: DenseMatrix, large: LargeMatrix): DenseMatrix {
  const out = zeros(large.rows, x.rows);
  for (const [start, block] of blocksOf(large)) {
    out.data.set(multiplyTransposed(block, x).data, start * x.rows);
  }
  return transposed(out);
}

/** X W, where X has few rows. */
export function times(x: DenseMatrix, large: LargeMatrix): DenseMatrix {
  const out = zeros(x.rows, large.columns), xTransposed = transposed(x);
  for (const [start, block] of blocksOf(large)) {
    const part = multiply(transposed(rowsOf(xTransposed, start, block.rows)), block).data;
    for (let i = 0; i < part.length; i++) out.data[i] += part[i];
  }
  return out;
}

/** ‖W‖_F. */
export function largeFrobeniusNorm(large: LargeMatrix): number {
  let sum = 0;
  for (let i = 0; i < large.data.length; i++) sum += large.data[i] ** 2;
  return Math.sqrt(sum);
}

/** Blocks of rows in float64, each with the number of its first row. */
function* blocksOf({ rows, columns, data }: LargeMatrix): Generator<[number, DenseMatrix]> {
  const height = Math.max(1, Math.floor(valuesAtOnce / Math.max(1, columns)));
  for (let start = 0; start < rows; start += height) {
    const count = Math.min(height, rows - start);
    const part = data.subarray(start * columns, (start + count) * columns);
    yield [start, { rows: count, columns, data: new Float64Array(part) }];
  }
}

/** Options by which {@link leadingSvd} trades time for accuracy. */
export interface LeadingOptions {
  /** Seed of the random start. */
  readonly seed: number;
  /** Directions kept beyond the rank while searching. Default: 10. */
  readonly oversampling?: number;
  /** Power iterations, each applying W and Wᵀ. Default: 4. */
  readonly iterations?: number;
}

/**
 * Orthonormal rows (size, columns) that nearly span the leading right singular vectors of W.
 *
 * Halko, Martinsson and Tropp 2011 (arXiv:0909.4061), algorithm 4.4, on rows: the error of a direction
 * falls with (σ_{size+1} / σᵢ)^(2 · iterations + 1). Cost: 2 · iterations + 1 products with W.
 */
export function rangeFinder(
  large: LargeMatrix,
  size: number,
  { seed, iterations = 4 }: LeadingOptions,
): DenseMatrix {
  const start = gaussian(size, large.rows, new Random(seed));
  let rows = lq(times(start, large)).Q;
  for (let i = 0; i < iterations; i++) {
    rows = lq(times(lq(timesTransposed(rows, large)).Q, large)).Q;
  }
  return rows;
}

/**
 * The first `rank` singular values and vectors of W, without a decomposition of W.
 *
 * The same seed gives the same result on the same backend. Values can only be too small, by what
 * {@link rangeFinder} missed: little if the spectrum decays, more if many values are nearly equal.
 *
 * @throws {RangeError} when the rank is not between 1 and the smaller side.
 */
export function leadingSvd(large: LargeMatrix, rank: number, options: LeadingOptions): Svd {
  const side = Math.min(large.rows, large.columns);
  if (!(Number.isInteger(rank) && rank >= 1 && rank <= side)) {
    throw new RangeError(`a leading rank must be in 1 … ${side}, found ${rank}`);
  }
  const size = Math.min(side, rank + (options.oversampling ?? 10));
  const basis = rangeFinder(large, size, options);
  // W ≈ (W Qᵀ) Q, so the singular vectors of the small Q Wᵀ yield those of W.
  const { left, values, right } = svd(timesTransposed(basis, large));
  return {
    left: rowsOf(right, 0, rank),
    values: values.slice(0, rank),
    right: multiply(rowsOf(left, 0, rank), basis),
  };
}
