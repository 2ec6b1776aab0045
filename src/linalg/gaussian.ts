/** Random matrices. @module */

import type { Random } from "../core/random.ts";
// Not the one that may be LAPACK's: its signs, and so what is drawn, would depend on the machine.
import { lq } from "./householder.ts";
import type { DenseMatrix } from "./matrix.ts";

/** A matrix of independent standard normal values, drawn row by row. */
export function gaussian(rows: number, columns: number, random: Random): DenseMatrix {
  const data = Float64Array.from({ length: rows * columns }, () => random.normal());
  return { rows, columns, data };
}

/** Random orthonormal vectors, one a row, at most as many as they are long: the same bits on every machine. */
export function orthonormalRows(rows: number, columns: number, random: Random): DenseMatrix {
  return lq(gaussian(rows, columns, random)).Q;
}
