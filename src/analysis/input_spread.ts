/** The spread of a layer's inputs over their space, by which their metric says much or little. @module */

import { ShapeError } from "../core/errors.ts";
import { formatShape } from "../core/shape.ts";
import {
  type DenseMatrix,
  frobeniusNorm,
  leadingSvd,
  multiply,
  scaledBy,
  transposed,
} from "../linalg/mod.ts";
import { type InputStatistics, rowsOfInputs } from "./activation_metric.ts";
import { toDense } from "./input.ts";

/** Measures of the eigenvalues λ of inputs' second moment S; all are 0 for inputs that are zero. */
export interface InputSpread {
  /** Of the inputs. */
  readonly dimensions: number;
  /** (Σ λ)² / Σ λ² = (tr S)² / ‖S‖_F², from 1 to the dimensions: how many directions the inputs fill. */
  readonly participationRatio: number;
  /** λ₁ / Σ λ: the share of E ‖x‖² along the first eigenvector. */
  readonly firstShare: number;
  /** A sentence, where the first eigenvector holds more than half. */
  readonly note?: string;
}

/**
 * Says whether one direction of the inputs outweighs all others. In ΔW·S^½ every update then seems to read that
 * direction. In SmolLM2-135M (q of layers 5, 15, 25 and 29, 3,024 tokens of a novel) the first direction holds 49% to
 * 72%, and Gaussian updates of ranks 8 and 64 have φ(1, 1) of 0.84 to 0.95; of centered inputs 6% to 16%, and 0.15 to
 * 0.51. Layer 0 needs more than that: centered, its first direction holds 41%, and Gaussian updates have 0.82. So
 * always compare with `gaussianSimilarity` of the same inputs.
 *
 * @throws {ShapeError} when S is not square.
 * @throws {RangeError} when a value is not finite.
 *
 * @example
 * ```ts
 * import { inputSpread } from "@lowrank/core/analysis";
 *
 * const secondMoment = { shape: [2, 2], data: Float32Array.of(9, 0, 0, 1) };
 * console.log(inputSpread({ secondMoment }).firstShare); // 9 / 10
 * ```
 */
export function inputSpread(inputs: InputStatistics): InputSpread {
  const S = momentOf(inputs), { rows: dimensions, columns, data } = S;
  if (dimensions !== columns) {
    throw new ShapeError(
      `the second moment must have shape ${formatShape([dimensions, dimensions])}, found ${
        formatShape([dimensions, columns])
      }`,
    );
  }
  const trace = Array.from({ length: dimensions }, (_, i) => data[i * (dimensions + 1)])
    .reduce((sum, value) => sum + value, 0);
  if (trace <= 0) return { dimensions, participationRatio: 0, firstShare: 0 };
  const participationRatio = (trace / frobeniusNorm(S)) ** 2;
  const firstShare = leadingSvd(S, 1, { seed: 0 }).values[0] / trace;
  const found = { dimensions, participationRatio, firstShare };
  return firstShare > 0.5 ? { ...found, note: noteOn(found) } : found;
}

function noteOn({ dimensions, participationRatio, firstShare }: InputSpread): string {
  return `one direction holds ${(100 * firstShare).toFixed(0)}% of the inputs' second moment ` +
    `(participation ratio ${
      participationRatio.toFixed(1)
    } of ${dimensions}), so that in their metric even ` +
    "random updates look alike";
}

/** S of either kind of statistics. */
function momentOf(inputs: InputStatistics): DenseMatrix {
  if ("secondMoment" in inputs) return toDense(inputs.secondMoment, "the second moment");
  const x = rowsOfInputs(inputs, "the activations");
  return scaledBy(multiply(transposed(x), x), 1 / x.rows);
}
