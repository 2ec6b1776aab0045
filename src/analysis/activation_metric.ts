/** Updates weighted by the activations that they act on. @module */

import { ShapeError } from "../core/errors.ts";
import type { LowRankFactors } from "../core/low_rank_update.ts";
import { formatShape } from "../core/shape.ts";
import {
  type DenseMatrix,
  multiply,
  multiplyTransposed,
  scaledBy,
  type SymmetricEigen,
  symmetricEigen,
} from "../linalg/mod.ts";
import { checkFactors, type Matrix, nameOf, toDense, toTensor } from "./input.ts";

/** What is known about a layer's inputs x: their second moment, or the inputs themselves. */
export type InputStatistics =
  | {
    /** S = E x xᵀ, (in, in); or the inputs' covariance, E (x − E x) (x − E x)ᵀ. */
    readonly secondMoment: Matrix;
  }
  | {
    /** One x per row, (tokens, in): S = Xᵀ X / tokens. */
    readonly activations: Matrix;
    /** Subtract their mean from the rows, so that S is their covariance. Default false. */
    readonly centered?: boolean;
  };

/**
 * The update ΔW S^½ as factors. Its singular values measure what the update does to the outputs, √E‖ΔW
 * x‖² in total, and truncating it (Eckart and Young) finds the best adapter of a rank in this metric.
 *
 * From activations it is ΔW Xᵀ / √tokens, which equals ΔW S^½ up to an orthogonal factor on the right:
 * values, left vectors and φ are the same, and S is never formed. Use the same statistics for all
 * updates that are compared.
 *
 * Where one direction holds most of S, as the mean of a transformer's inputs often does, all updates seem to read
 * it: see {@link inputSpread}. With the covariance in place of S, singular values measure √E‖ΔW (x − E x)‖², what
 * the update does beyond a constant.
 *
 * @throws {ShapeError} when S or the activations do not fit A.
 * @throws {RangeError} when a value is not finite, or S has an eigenvalue below zero beyond rounding.
 */
export function inActivationMetric(
  factors: LowRankFactors,
  inputs: InputStatistics,
): LowRankFactors {
  const what = nameOf(factors), { A } = checkFactors(factors);
  const weighted = "activations" in inputs
    ? timesActivations(A, rowsOfInputs(inputs, `activations of ${what}`))
    : timesRoot(A, toDense(inputs.secondMoment, `second moment of ${what}`), what);
  return { ...factors, A: toTensor(weighted) };
}

/**
 * As many inputs as S has rows, whose second moment is S = Σ λ x xᵀ: √(d λ) x, one a row. As the
 * `activations` of many updates they let S be decomposed once.
 *
 * @param secondMoment S, (in, in).
 * @throws {ShapeError} when S is not square.
 * @throws {RangeError} when a value is not finite, or S has an eigenvalue below zero beyond rounding.
 *
 * @example
 * ```ts
 * import { activationsOf } from "@lowrank/core/analysis";
 *
 * const secondMoment = { shape: [2, 2], data: Float32Array.of(2, 0, 0, 8) };
 * console.log(activationsOf(secondMoment).data); // ±(0, 4) and ±(2, 0)
 * ```
 */
export function activationsOf(secondMoment: Matrix): DenseMatrix {
  const moment = toDense(secondMoment, "the second moment");
  const { values, vectors } = eigenOf(moment, moment.columns, "the second moment");
  const { rows, columns, data } = vectors;
  const sizes = values.map((value) => Math.sqrt(columns * value));
  return { rows, columns, data: data.map((value, at) => sizes[Math.floor(at / columns)] * value) };
}

/** The inputs themselves, less their mean if they are to be centered. */
export function rowsOfInputs(
  { activations, centered }: Extract<InputStatistics, { activations: Matrix }>,
  what: string,
): DenseMatrix {
  const x = toDense(activations, what), { rows, columns, data } = x;
  if (!centered) return x;
  const mean = new Float64Array(columns);
  data.forEach((value, at) => mean[at % columns] += value / rows);
  return { ...x, data: data.map((value, at) => value - mean[at % columns]) };
}

/** A Xᵀ / √tokens. */
function timesActivations(A: DenseMatrix, activations: DenseMatrix): DenseMatrix {
  if (activations.columns !== A.columns) {
    throw new ShapeError(
      `activations must have ${A.columns} values each, like A's rows, found ${activations.columns}`,
    );
  }
  return scaledBy(multiplyTransposed(A, activations), 1 / Math.sqrt(activations.rows));
}

/** A S^½ = Σ √λ (A x) xᵀ. */
function timesRoot(A: DenseMatrix, moment: DenseMatrix, what: string): DenseMatrix {
  const found = eigenOf(moment, A.columns, `the second moment of ${what}`);
  const roots = found.values.map(Math.sqrt);
  const { rows, columns, data } = multiplyTransposed(A, found.vectors);
  const weighted = data.map((value, at) => value * roots[at % columns]);
  return multiply({ rows, columns, data: weighted }, found.vectors);
}

/** Eigenvalues and vectors of a second moment of that many dimensions, rounding below zero cut off. */
function eigenOf(moment: DenseMatrix, dimensions: number, what: string): SymmetricEigen {
  if (moment.rows !== dimensions || moment.columns !== dimensions) {
    const [expected, found] = [[dimensions, dimensions], [moment.rows, moment.columns]]
      .map(formatShape);
    throw new ShapeError(`${what} must have shape ${expected}, found ${found}`);
  }
  const { values, vectors } = symmetricEigen(moment), smallest = values[values.length - 1];
  if (smallest < -1e-6 * values[0]) {
    throw new RangeError(`${what} must have no negative eigenvalue, found ${smallest}`);
  }
  return { values: values.map((value) => Math.max(0, value)), vectors };
}
