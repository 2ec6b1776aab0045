/** Matrices for tests. @module */

import type { DenseMatrix } from "../../src/linalg/matrix.ts";

/** From a list of rows. */
export function fromRows(rows: readonly (readonly number[])[]): DenseMatrix {
  return { rows: rows.length, columns: rows[0].length, data: Float64Array.from(rows.flat()) };
}
