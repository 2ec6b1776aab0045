/** The best low-rank update for given inputs and residuals: reduced-rank regression. @module */

import {
  type DenseMatrix,
  difference,
  lq,
  multiply,
  multiplyTransposed,
  scaledBy,
  squaredNorm,
  type Svd,
  svd,
  transposed,
} from "../linalg/mod.ts";
import { type Matrix, toDense } from "./input.ts";

/**
 * A regression in the metric of its inputs. With Xᵀ = L Q and the residuals E, the loss per example of an
 * update is ‖core − ΔW L / √n‖² + floor: the best of rank r is the truncated SVD of the core, and leaves
 * the tail of its squared singular values (Eckart and Young 1936; Izenman 1975).
 */
export interface ReducedRank {
  /** Eᵀ Qᵀ / √n, (outputs, inputs): without noise D·S^½ of a shift D, but for a rotation of S^½. */
  readonly core: DenseMatrix;
  /** L / √n, a square root of the inputs' second moment S: L Lᵀ / n = S. */
  readonly root: DenseMatrix;
  /** What no update can fit, per example. */
  readonly floor: number;
  /** The core's decomposition. */
  readonly svd: Svd;
}

/**
 * Prepares min over ΔW of rank r of Σ ‖residual − ΔW x‖² / n for every r at once.
 *
 * @param inputs X, (n, inputs), a row an example.
 * @param residuals E, (n, outputs): what an update is to add to the outputs.
 * @throws {ShapeError} when one of them is no matrix.
 * @throws {RangeError} when a value is not finite.
 *
 * @example
 * ```ts
 * import { bestUpdate, leastLoss, reducedRank } from "@lowrank/core/analysis";
 *
 * const inputs = { shape: [2, 2], data: Float32Array.of(1, 0, 0, 1) };
 * const residuals = { shape: [2, 2], data: Float32Array.of(3, 0, 0, 1) };
 * const regression = reducedRank(inputs, residuals);
 * console.log(leastLoss(regression, 0), leastLoss(regression, 1)); // 5, 0.5
 * console.log(bestUpdate(regression, 1).data); // 3, 0, 0, 0
 * ```
 */
export function reducedRank(inputs: Matrix, residuals: Matrix): ReducedRank {
  const X = toDense(inputs, "the inputs"), E = transposed(toDense(residuals, "the residuals"));
  const { L, Q } = lq(transposed(X)), scale = 1 / Math.sqrt(X.rows);
  const core = scaledBy(multiplyTransposed(E, Q), scale);
  const floor = scale ** 2 * squaredNorm(E) - squaredNorm(core);
  return { core, root: scaledBy(L, scale), floor, svd: svd(core) };
}

/** The least loss at a rank, per example: the tail of the core's squared values. Rank 0 is no update. */
export function leastLoss({ svd: { values }, floor }: ReducedRank, rank: number): number {
  return values.subarray(rank).reduce((sum, value) => sum + value ** 2, floor);
}

/** The loss of an update (outputs, inputs), per example. */
export function updateLoss({ core, root, floor }: ReducedRank, update: DenseMatrix): number {
  return squaredNorm(difference(core, multiply(update, root))) + floor;
}

/** An update in the inputs' metric, ΔW·S^½, whose right space does not depend on the choice of the root. */
export function inInputMetric({ root }: ReducedRank, update: DenseMatrix): DenseMatrix {
  return multiply(update, root);
}

/**
 * The update of a rank with the least loss: the core's truncated SVD times the inverse of the root. With the
 * full rank it is the least-squares solution.
 */
export function bestUpdate(
  { root, svd: { left, values, right } }: ReducedRank,
  rank: number,
): DenseMatrix {
  const data = right.data.map((v, at) => {
    const i = Math.floor(at / right.columns);
    return i < rank ? values[i] * v : 0;
  });
  return divideByLower(multiply(transposed(left), { ...right, data }), root);
}

/** X with X L = B, column after column from the last: L is lower triangular and has no zero there. */
function divideByLower(b: DenseMatrix, { rows, data: L }: DenseMatrix): DenseMatrix {
  const x = b.data.slice();
  for (let start = 0; start < x.length; start += rows) {
    for (let j = rows - 1; j >= 0; j--) {
      for (let i = j + 1; i < rows; i++) x[start + j] -= x[start + i] * L[i * rows + j];
      x[start + j] /= L[j * rows + j];
    }
  }
  return { ...b, data: x };
}
