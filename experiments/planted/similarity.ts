/** How alike two updates are in the inputs that they read. @module */

import { similarityGrid } from "../../src/analysis/mod.ts";
import { type DenseMatrix, rowsOf, svd } from "../../src/linalg/mod.ts";

/** φ(i, i) of the right singular spaces of two updates (Hu et al. 2021, section 7.2, on ΔW). */
export function rightSimilarity(a: DenseMatrix, b: DenseMatrix, size: number): number {
  const [U, V] = [a, b].map((matrix) => rowsOf(svd(matrix).right, 0, size));
  return similarityGrid(U, V)[size - 1][size - 1];
}
