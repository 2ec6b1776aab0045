/** How alike two updates are in the inputs that they read. @module */

import { type DenseMatrix, multiplyTransposed, rowsOf, svd } from "../../linalg/mod.ts";
import { squares } from "./linear_theory.ts";

/** φ(i, i) of the right singular spaces of two updates (Hu et al. 2021, section 7.2, on ΔW). */
export function rightSimilarity(a: DenseMatrix, b: DenseMatrix, size: number): number {
  const [U, V] = [a, b].map((matrix) => rowsOf(svd(matrix).right, 0, size));
  return squares(multiplyTransposed(U, V)) / size;
}

/**
 * Standard deviation of φ(size, size) between random spaces of R^width: the trace of a product of two
 * random projections has variance 2 r² (d - r)² / (d² (d - 1) (d + 2)).
 */
export function chanceDeviation(size: number, width: number): number {
  const spread = size * (width - size) / width;
  return Math.sqrt(2 / ((width - 1) * (width + 2))) * spread / size;
}
