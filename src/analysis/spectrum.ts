/** The spectrum of a low-rank update, from its factors. @module */

import { ShapeError } from "../core/errors.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { formatShape } from "../core/shape.ts";
import { type DenseMatrix, multiplyTransposed, transposed } from "../linalg/matrix.ts";
import { upperTriangle } from "../linalg/qr.ts";
import { singularValues } from "../linalg/singular_values.ts";

/** A low-rank update ΔW = scaling · B A. */
export interface Factors {
  /** (rank, in). */
  readonly A: HostTensor;
  /** (out, rank). */
  readonly B: HostTensor;
  /** α / r, or α / √r. */
  readonly scaling: number;
}

/** Size and shape of an update. */
export interface Spectrum {
  /** ‖ΔW‖_F. */
  readonly frobenius: number;
  /** σ₁ ≥ … ≥ σ_r. */
  readonly singularValues: readonly number[];
  /** Number of σ above max(in, out) · ε · σ₁ with the ε of F32, in which adapters are stored. */
  readonly numericalRank: number;
  /** ‖ΔW‖_F² / σ₁²; 0 for an update that is zero. */
  readonly stableRank: number;
}

/**
 * The singular values of ΔW = s B A without forming it: those of s R_B R_Aᵀ, rank x rank, where
 * B = Q_B R_B and Aᵀ = Q_A R_A.
 *
 * @throws {ShapeError} when A and B do not fit each other.
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
export function spectrum({ A, B, scaling }: Factors): Spectrum {
  if (A.shape.length !== 2 || B.shape.length !== 2 || A.shape[0] !== B.shape[1]) {
    throw new ShapeError(
      `A (rank, in) and B (out, rank) must share their rank, found ${formatShape(A.shape)} and ${
        formatShape(B.shape)
      }`,
    );
  }
  const core = multiplyTransposed(
    upperTriangle(dense(B)),
    upperTriangle(transposed(dense(A))),
    scaling,
  );
  const values = [...singularValues(core)], largest = values[0];
  const frobenius = Math.hypot(...values);
  const edge = Math.max(A.shape[1], B.shape[0]) * 2 ** -23 * largest;
  return {
    frobenius,
    singularValues: values,
    numericalRank: values.filter((value) => value > edge).length,
    stableRank: largest === 0 ? 0 : (frobenius / largest) ** 2,
  };
}

function dense({ shape, data }: HostTensor): DenseMatrix {
  return { rows: shape[0], columns: shape[1], data: Float64Array.from(data) };
}
