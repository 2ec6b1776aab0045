/** Intruder dimensions: directions of a fine-tuned weight that the base weight does not have. @module */

import { ShapeError } from "../core/errors.ts";
import type { LowRankFactors } from "../core/low_rank_update.ts";
import { assertOptions } from "../core/options.ts";
import { formatShape } from "../core/shape.ts";
import { type DenseMatrix, multiplyTransposed, svd, transposed } from "../linalg/mod.ts";
import { checkFactors, type Matrix, nameOf, toDense } from "./input.ts";

/** A leading left singular vector u of W + ΔW, compared with those of W. */
export interface TunedDirection {
  /** Its singular value. */
  readonly singularValue: number;
  /** The largest |cosine| with a left singular vector of W. */
  readonly cosine: number;
  /** Index of that vector of W, counted from 0. */
  readonly nearest: number;
  /** The largest length of u's projection onto `block` neighboring singular vectors of W. */
  readonly blockCosine: number;
}

/** What {@link intruders} finds. */
export interface Intruders {
  /** The leading directions of W + ΔW, largest first. */
  readonly directions: readonly TunedDirection[];
  /** Number of directions whose `cosine` is below the threshold. */
  readonly count: number;
  /** Number of directions whose `blockCosine` is: those that no mixing of near values explains. */
  readonly blockCount: number;
}

/** Options of {@link intruders}. */
export interface IntruderOptions {
  /** Number of leading directions of W + ΔW to examine, k. Default: 10. */
  readonly leading?: number;
  /** A direction whose cosine is below this is an intruder, ε. Default: 0.5. */
  readonly threshold?: number;
  /** Number of neighboring directions of W in a block. Default: 3. */
  readonly block?: number;
}

/**
 * Directions among the leading left singular vectors of W + ΔW that are close to no left singular
 * vector of W (Shuttleworth et al. 2024, arXiv:2410.21228).
 *
 * Where singular values of W nearly agree, single vectors are arbitrary within their span and a small
 * cosine means nothing; this is why the projection onto blocks of neighbors is reported as well. Cost:
 * two decompositions of W's size.
 *
 * @param weight W (out, in), the shape of ΔW.
 * @throws {ShapeError} when W and ΔW differ in shape, or the factors do not fit.
 * @throws {RangeError} when a value is not finite. Both name the module.
 */
export function intruders(
  factors: LowRankFactors,
  weight: Matrix,
  options: IntruderOptions = {},
): Intruders {
  assertOptions("intruders", options, { leading: true, threshold: true, block: true });
  const { leading = 10, threshold = 0.5, block = 3 } = options;
  const what = nameOf(factors), W = toDense(weight, `the weight of ${what}`);
  const before = svd(W).left, after = svd(tuned(factors, W, what));
  const cosines = multiplyTransposed(after.left, before);
  const directions = Array.from({ length: Math.min(leading, cosines.rows) }, (_, j) => {
    const row = cosines.data.subarray(j * cosines.columns, (j + 1) * cosines.columns);
    return { singularValue: after.values[j], ...closest(row.map(Math.abs), block) };
  });
  return {
    directions,
    count: directions.filter(({ cosine }) => cosine < threshold).length,
    blockCount: directions.filter(({ blockCosine }) => blockCosine < threshold).length,
  };
}

/** W + ΔW. */
function tuned(factors: LowRankFactors, W: DenseMatrix, what: string): DenseMatrix {
  const { A, Bt, scaling } = checkFactors(factors);
  if (W.rows !== Bt.columns || W.columns !== A.columns) {
    const [found, expected] = [[W.rows, W.columns], [Bt.columns, A.columns]].map(formatShape);
    throw new ShapeError(`the weight of ${what} must have its shape ${expected}, found ${found}`);
  }
  const delta = multiplyTransposed(transposed(Bt), transposed(A));
  return { ...W, data: W.data.map((value, at) => value + scaling * delta.data[at]) };
}

function closest(cosines: Float64Array, block: number) {
  const cosine = Math.max(...cosines), size = Math.min(block, cosines.length);
  const blocks = Array.from(
    { length: cosines.length - size + 1 },
    (_, i) => Math.hypot(...cosines.subarray(i, i + size)),
  );
  return { cosine, nearest: cosines.indexOf(cosine), blockCosine: Math.max(...blocks) };
}
