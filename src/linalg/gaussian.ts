/** Random matrices. @module */

import type { Random } from "../core/random.ts";
import type { DenseMatrix } from "./matrix.ts";

/** A matrix of independent standard normal values, drawn row by row. */
export function gaussian(rows: number, columns: number, random: Random): DenseMatrix {
  const data = Float64Array.from({ length: rows * columns }, () => random.normal());
  return { rows, columns, data };
}
