/**
 * The amplification of directions that an update shares with its weight (Table 7), and intruder
 * dimensions: directions of a fine-tuned weight that the base weight does not have.
 *
 * @module
 */

import { assertOptions } from "../core/checks.ts";
import { ShapeError } from "../core/errors.ts";
import { Random } from "../core/random.ts";
import { formatShape } from "../core/tensor.ts";
import type { LowRankFactors } from "../core/update.ts";
import {
  type DenseMatrix,
  frobeniusNorm,
  gaussian,
  largeFrobeniusNorm,
  type LargeMatrix,
  lq,
  multiplyTransposed,
  rowsOf,
  svd,
  timesTransposed,
  transposed,
  zeros,
} from "../linalg/mod.ts";
import { checkFactors, type Matrix, nameOf, toDense, toLarge } from "./input.ts";
import { frobeniusOf, numericalRank } from "./measures.ts";
import { float32Epsilon, leadingValues, updateSvd } from "./spectrum.ts";

/** A row of Table 7. All norms are Frobenius norms. */
export interface Amplification {
  /** Number of directions r. */
  readonly rank: number;
  /**
   * ‖ΔW‖ of the effective update, including α / r; the paper does not say whether its value includes
   * it.
   */
  readonly deltaNorm: number;
  /** ‖W‖. */
  readonly weightNorm: number;
  /** ‖Uᵀ W V‖ with U and V the first r singular vectors of ΔW. */
  readonly inDelta: number;
  /** The same with the singular vectors of W: √(Σ σᵢ²) of its first r values. */
  readonly inWeight: number;
  /** The same with random orthonormal U and V, one draw. */
  readonly inRandom: number;
  /** Expected value of `inRandom`: see {@link expectedRandomNorm}. */
  readonly expectedRandom: number;
  /** `deltaNorm` / `inDelta`: Table 7's amplification factor, 21.5 at r = 4 in GPT-3's layer 48. */
  readonly factor: number;
  /**
   * `deltaNorm` / `expectedRandom`: the factor that random directions give ΔW's size, about 345 in that row. It
   * falls with r as well, and is large wherever ΔW is.
   */
  readonly randomFactor: number;
  /**
   * `factor` / `randomFactor`: below 1, W has more in ΔW's directions than in random ones (1 / 16 in that row),
   * above 1 less; near 1 the factor says only how large ΔW is.
   */
  readonly timesRandom: number;
}

/** Options of {@link amplification}. */
export interface AmplificationOptions {
  /** Seed of the random directions. */
  readonly seed: number;
  /** Number of directions. Default: ΔW's numerical rank; directions beyond it are arbitrary. */
  readonly rank?: number;
  /** The singular values of W, if known; otherwise they are found once for each matrix object. */
  readonly weightValues?: Float64Array;
}

/**
 * Compares ‖ΔW‖ with ‖Uᵀ W V‖, the part of W in ΔW's directions, and that with W's own and random
 * directions (section 7.3 and Table 7 of the paper). W may be F32 and is never copied as a whole.
 *
 * @param weight W (out, in), the shape of ΔW.
 * @throws {ShapeError} when W and ΔW differ in shape, or the factors do not fit.
 * @throws {RangeError} when a value is not finite, or the rank is not between 1 and ΔW's.
 *
 * @example
 * ```ts
 * import { amplification } from "@lowrank/core/analysis";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(0, 1) };
 * const B = { shape: [2, 1], data: Float32Array.of(0, 6) };
 * const weight = { shape: [2, 2], data: Float32Array.of(5, 0, 0, 2) };
 * console.log(amplification({ A, B, scaling: 1 }, weight, { seed: 1 }).factor); // 6 / 2 = 3
 * ```
 */
export function amplification(
  factors: LowRankFactors,
  weight: Matrix,
  options: AmplificationOptions,
): Amplification {
  assertOptions("amplification", options, { seed: true, rank: true, weightValues: true });
  const { seed, rank, weightValues } = options;
  const what = nameOf(factors), { left, values, right } = updateSvd(factors);
  const W = toLarge(weight, `the weight of ${what}`);
  const own = numericalRank(values, left.columns, right.columns, float32Epsilon);
  const r = rank ?? Math.max(1, own);
  assertSameShape(W, left.columns, right.columns, what);
  if (!(Number.isInteger(r) && r >= 1 && r <= values.length)) {
    throw new RangeError(
      `amplification of ${what} takes 1 … ${values.length} directions, found ${r}`,
    );
  }
  const weightNorm = largeFrobeniusNorm(W);
  if (!Number.isFinite(weightNorm)) {
    throw new RangeError(`the weight of ${what} must have finite values, found one that is not`);
  }
  const random = new Random(seed), deltaNorm = frobeniusOf(values);
  const inner = [rowsOf(right, 0, r), randomDirections(r, W.columns, random)];
  const outer = [rowsOf(left, 0, r), randomDirections(r, W.rows, random)];
  const [inDelta, inRandom] = projectedNorms(W, outer, inner);
  const expectedRandom = expectedRandomNorm(r, W.rows, W.columns, weightNorm);
  return {
    rank: r,
    deltaNorm,
    weightNorm,
    inDelta,
    inWeight: frobeniusOf((weightValues ?? leadingValues(weight, r, seed)).subarray(0, r)),
    inRandom,
    expectedRandom,
    factor: deltaNorm / inDelta,
    randomFactor: deltaNorm / expectedRandom,
    timesRandom: expectedRandom / inDelta,
  };
}

/**
 * rank · ‖W‖ / √(out · in): the root mean square of ‖Uᵀ W V‖ over random orthonormal U and V of that
 * rank, for any W of that norm.
 */
export function expectedRandomNorm(
  rank: number,
  out: number,
  inner: number,
  weightNorm: number,
): number {
  return rank * weightNorm / Math.sqrt(out * inner);
}

function assertSameShape(W: LargeMatrix, out: number, inner: number, what: string): void {
  if (W.rows === out && W.columns === inner) return;
  const [found, expected] = [[W.rows, W.columns], [out, inner]].map(formatShape);
  throw new ShapeError(`the weight of ${what} must have its shape ${expected}, found ${found}`);
}

/** ‖U W Vᵀ‖ for every pair, in one pass over W. */
function projectedNorms(
  W: LargeMatrix,
  outer: readonly DenseMatrix[],
  inner: readonly DenseMatrix[],
): number[] {
  const all = timesTransposed(stacked(inner), W);
  return outer.map((U, i) => {
    return frobeniusNorm(multiplyTransposed(U, rowsOf(all, i * U.rows, U.rows)));
  });
}

function stacked(matrices: readonly DenseMatrix[]): DenseMatrix {
  const [{ rows, columns }] = matrices, out = zeros(matrices.length * rows, columns);
  matrices.forEach(({ data }, i) => out.data.set(data, i * rows * columns));
  return out;
}

function randomDirections(count: number, dimensions: number, random: Random): DenseMatrix {
  return lq(gaussian(count, dimensions, random)).Q;
}

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

/** Result of {@link intruders}. */
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
