/** Random matrices from seeds, the same bits on every machine. @module */

import type { Random } from "../../src/core/random.ts";
// Not the one that may be LAPACK's: its signs, and so a task, would depend on the machine.
import { lq } from "../../src/linalg/householder.ts";
import { type DenseMatrix, gaussian } from "../../src/linalg/mod.ts";

/** Random orthonormal vectors, one a row, at most as many as they are long. */
export function orthonormalRows(random: Random, rows: number, columns: number): DenseMatrix {
  return lq(gaussian(rows, columns, random)).Q;
}
