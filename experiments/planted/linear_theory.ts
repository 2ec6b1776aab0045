/** What the best update of any rank comes to on a linear task: Eckart and Young in the inputs' metric. @module */

import { similarityGrid } from "../../src/analysis/mod.ts";
import {
  type DenseMatrix,
  lq,
  multiply,
  multiplyTransposed,
  rowsOf,
  scaledBy,
  type Svd,
  svd,
  transposed,
} from "../../src/linalg/mod.ts";
import { dense, type LinearTask } from "./linear_task.ts";

/**
 * A linear task in the metric of its inputs. With Xᵀ = L Q and the residuals E, the loss per example of an
 * update is ‖core − ΔW L / √n‖² + floor: the best of rank r is the truncated SVD of the core, and leaves
 * the tail of its singular values (reduced-rank regression).
 */
export interface LinearMetric {
  /** Eᵀ Qᵀ / √n, (outputs, inputs): without noise D·S^½, but for a rotation of S^½. */
  readonly core: DenseMatrix;
  /** L / √n, a square root of S: L Lᵀ / n = S. */
  readonly root: DenseMatrix;
  /** What no update can fit, per example. */
  readonly floor: number;
  /** The core's decomposition. */
  readonly svd: Svd;
}

/** The metric of a task. */
export function linearMetric({ inputs, residuals }: LinearTask): LinearMetric {
  const { L, Q } = lq(transposed(dense(inputs))), E = transposed(dense(residuals));
  const scale = 1 / Math.sqrt(inputs.shape[0]);
  const core = scaledBy(multiplyTransposed(E, Q), scale);
  const floor = scale ** 2 * squares(E) - squares(core);
  return { core, root: scaledBy(L, scale), floor, svd: svd(core) };
}

/** The best loss of a rank, per example: the tail of the core's squared values. Of rank 0, that of no update. */
export function bestLoss({ svd: { values }, floor }: LinearMetric, rank: number): number {
  return values.subarray(rank).reduce((sum, value) => sum + value ** 2, floor);
}

/** The loss of an update, per example. */
export function lossOf({ core, root, floor }: LinearMetric, update: DenseMatrix): number {
  return squares(difference(core, multiply(update, root))) + floor;
}

/** An update in the inputs' metric, ΔW·S^½, whose right space does not depend on the choice of the root. */
export function inMetric({ root }: LinearMetric, update: DenseMatrix): DenseMatrix {
  return multiply(update, root);
}

/**
 * The best update of a rank: the core's truncated SVD times the inverse of the root. With the full rank it
 * is the least-squares solution.
 */
export function bestUpdate(
  { root, svd: { left, values, right } }: LinearMetric,
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

/** φ(i, i) of the right singular spaces of two updates (Hu et al. 2021, section 7.2, on ΔW). */
export function rightSimilarity(a: DenseMatrix, b: DenseMatrix, size: number): number {
  const [U, V] = [a, b].map((matrix) => rowsOf(svd(matrix).right, 0, size));
  return similarityGrid(U, V)[size - 1][size - 1];
}

/** A − B. */
export function difference(a: DenseMatrix, b: DenseMatrix): DenseMatrix {
  return { ...a, data: a.data.map((value, i) => value - b.data[i]) };
}

/** ‖A‖². */
export function squares({ data }: DenseMatrix): number {
  return data.reduce((sum, value) => sum + value * value, 0);
}

/** How far losses are above the best ones, in a sentence's beginning. */
export function excessRange(rows: readonly { readonly excess: number }[]): string {
  const excess = rows.map((row) => row.excess);
  const [least, most] = [Math.min, Math.max].map((pick) => pick(...excess).toExponential(1));
  return `${rows.length} runs; the excess lies between ${least} and ${most}`;
}
