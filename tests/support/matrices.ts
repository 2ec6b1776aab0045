/** Matrices for tests. @module */

import type { Random } from "../../src/core/random.ts";
import type { DenseMatrix } from "../../src/linalg/matrix.ts";

/** From a list of rows. */
export function fromRows(rows: readonly (readonly number[])[]): DenseMatrix {
  return { rows: rows.length, columns: rows[0].length, data: Float64Array.from(rows.flat()) };
}

/** Independent standard normal values. */
export function gaussian(rows: number, columns: number, random: Random): DenseMatrix {
  const data = Float64Array.from({ length: rows * columns }, () => random.normal());
  return { rows, columns, data };
}
