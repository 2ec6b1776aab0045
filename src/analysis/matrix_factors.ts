/** Any matrix as factors. @module */

import { identity } from "../linalg/mod.ts";
import { type Factors, type Matrix, toLarge } from "./input.ts";

/**
 * A matrix as the product of itself and an identity, for every analysis that takes factors: a weight, or
 * the change that full fine-tuning made.
 *
 * @param matrix (out, in); the smaller side becomes the rank.
 * @throws {ShapeError} when it is no matrix with values.
 *
 * @example
 * ```ts
 * import { matrixFactors, spectrum } from "@lowrank/core/analysis";
 *
 * const matrix = { shape: [2, 2], data: Float32Array.of(3, 0, 0, 4) };
 * console.log(spectrum(matrixFactors(matrix)).singularValues); // [4, 3]
 * ```
 */
export function matrixFactors(matrix: Matrix, name = "the matrix"): Factors {
  const { rows, columns } = toLarge(matrix, name);
  return rows <= columns
    ? { A: matrix, B: identity(rows), scaling: 1, name }
    : { A: identity(columns), B: matrix, scaling: 1, name };
}
