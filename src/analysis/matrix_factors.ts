/** Any matrix as factors. @module */

import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { identity } from "../linalg/mod.ts";
import { type Matrix, toLarge, toTensor } from "./input.ts";

/**
 * A matrix as the product of itself and an identity, for every analysis that takes factors: a weight, or
 * the change that full fine-tuning made.
 *
 * @param matrix (out, in); the smaller side becomes the rank.
 * @param name Its name in messages, in place of a layer's path.
 * @throws {ShapeError} when it is not a matrix, or is empty.
 *
 * @example
 * ```ts
 * import { matrixFactors, spectrum } from "@lowrank/core/analysis";
 *
 * const matrix = { shape: [2, 2], data: Float32Array.of(3, 0, 0, 4) };
 * console.log(spectrum(matrixFactors(matrix)).singularValues); // [4, 3]
 * ```
 */
export function matrixFactors(matrix: Matrix, name = "the matrix"): LowRankUpdate {
  const large = toLarge(matrix, name), whole = toTensor(large);
  const unit = toTensor(identity(Math.min(large.rows, large.columns)));
  const [A, B] = large.rows <= large.columns ? [whole, unit] : [unit, whole];
  return { module: name, A, B, scaling: 1 };
}
