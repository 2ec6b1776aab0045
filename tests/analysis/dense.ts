/** Dense updates, for what the analysis never forms. @module */

import type { Matrix } from "../../src/analysis/mod.ts";
import type { DenseMatrix } from "../../src/linalg/mod.ts";

export { multiply, scaledBy } from "../../src/linalg/mod.ts";

/** Any matrix in float64. */
export function toHost(matrix: Matrix): DenseMatrix {
  const [rows, columns] = "shape" in matrix ? matrix.shape : [matrix.rows, matrix.columns];
  return { rows, columns, data: new Float64Array(matrix.data) };
}
