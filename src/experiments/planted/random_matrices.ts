/** Random matrices from seeds, the same bits on every machine. @module */

import type { Random } from "../../core/random.ts";
// Not the one that may be LAPACK's: its signs, and so a task, would depend on the machine.
import { lq } from "../../linalg/householder.ts";
import type { DenseMatrix } from "../../linalg/mod.ts";

/** Standard normal values. */
export function gaussian(random: Random, rows: number, columns: number): DenseMatrix {
  const data = Float64Array.from({ length: rows * columns }, () => random.normal());
  return { rows, columns, data };
}

/** Random orthonormal vectors, one a row, at most as many as they are long. */
export function orthonormalRows(random: Random, rows: number, columns: number): DenseMatrix {
  return lq(gaussian(random, rows, columns)).Q;
}
