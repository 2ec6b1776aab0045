/** The spectrum of a low-rank update, from its factors. @module */

import type { LowRankFactors } from "../core/low_rank_update.ts";
import {
  effectiveRank,
  energyRank,
  frobeniusOf,
  marchenkoPasturEdge,
  nuclearRatio,
  numericalRank,
  participationRatio,
  stableRank,
} from "./measures.ts";
import { updateSingularValues } from "./update_svd.ts";

/** Machine epsilon of F32, in which adapters are stored: the distance from 1 to the next number. */
export const float32Epsilon: number = 2 ** -23;

/** The size and spectrum of an update, as plain numbers. All ranks are 0 for an update that is zero. */
export interface Spectrum {
  /** ‖ΔW‖_F. */
  readonly frobenius: number;
  /** σ₁ ≥ … ≥ σ_k, k the smallest of rank, out and in. */
  readonly singularValues: readonly number[];
  /** Number of σ above max(in, out) · ε · σ₁ with ε = 2⁻²³, that of F32, in which adapters are stored. */
  readonly numericalRank: number;
  /** ‖ΔW‖_F² / σ₁². */
  readonly stableRank: number;
  /** exp(−Σ p ln p) with p = σ / Σ σ (Roy and Vetterli 2007). */
  readonly effectiveRank: number;
  /** (Σ σ²)² / Σ σ⁴. */
  readonly participationRatio: number;
  /** (Σ σ)² / Σ σ². */
  readonly nuclearRatio: number;
  /** Directions that hold 90% of ‖ΔW‖_F². */
  readonly energyRank90: number;
  /** Directions that hold 99% of ‖ΔW‖_F². */
  readonly energyRank99: number;
  /** The largest singular value of noise of ΔW's shape and norm: see `marchenkoPasturEdge`. */
  readonly noiseEdge: number;
  /** Number of σ above `noiseEdge`. */
  readonly aboveNoise: number;
}

/**
 * The singular values of ΔW = s B A and what they say about its rank, without forming ΔW: 15 ms for a
 * 4,096 x 4,096 update of rank 64 on a system with LAPACK.
 *
 * @throws {ShapeError} when A and B do not fit each other, or the rank is 0 or above both sides.
 * @throws {RangeError} when a value is not finite. Both name the module.
 *
 * @example
 * ```ts
 * import { spectrum } from "@lowrank/core/analysis";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(3, 4) };
 * const B = { shape: [2, 1], data: Float32Array.of(0, 2) };
 * console.log(spectrum({ A, B, scaling: 0.5 }).singularValues); // [5]
 * ```
 */
export function spectrum(factors: LowRankFactors): Spectrum {
  const values = Array.from(updateSingularValues(factors)), frobenius = frobeniusOf(values);
  const [out] = factors.B.shape, [, inner] = factors.A.shape;
  const noiseEdge = marchenkoPasturEdge(out, inner, frobenius);
  return {
    frobenius,
    singularValues: values,
    numericalRank: numericalRank(values, out, inner, float32Epsilon),
    stableRank: stableRank(values),
    effectiveRank: effectiveRank(values),
    participationRatio: participationRatio(values),
    nuclearRatio: nuclearRatio(values),
    energyRank90: energyRank(values, 0.9),
    energyRank99: energyRank(values, 0.99),
    noiseEdge,
    aboveNoise: values.filter((value) => value > noiseEdge).length,
  };
}
