/** How much an update amplifies the directions that it shares with the weight. @module */

import { ShapeError } from "../core/errors.ts";
import type { LowRankFactors } from "../core/low_rank_update.ts";
import { assertOptions } from "../core/options.ts";
import { Random } from "../core/random.ts";
import { formatShape } from "../core/shape.ts";
import {
  type DenseMatrix,
  frobeniusNorm,
  gaussian,
  largeFrobeniusNorm,
  type LargeMatrix,
  lq,
  multiplyTransposed,
  rowsOf,
  timesTransposed,
  zeros,
} from "../linalg/mod.ts";
import { type Matrix, nameOf, toLarge } from "./input.ts";
import { leadingValues } from "./leading_values.ts";
import { frobeniusOf, numericalRank } from "./measures.ts";
import { float32Epsilon } from "./spectrum.ts";
import { updateSvd } from "./update_svd.ts";

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
  /** The same with those of W: √(Σ σᵢ²) of its first r values. */
  readonly inWeight: number;
  /** The same with random orthonormal U and V, one draw. */
  readonly inRandom: number;
  /** What `inRandom` is by chance: see {@link expectedRandomNorm}. */
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
