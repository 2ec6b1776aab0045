/** Random matrices. @module */

import type { Random } from "../core/random.ts";
// Not the one that may be LAPACK's: its signs, and so what is drawn, would depend on the machine.
import { lq } from "./lq.ts";
import type { DenseMatrix } from "./matrix.ts";

/** A matrix of independent standard normal values, drawn row by row. */
export function gaussian(rows: number, columns: number, random: Random): DenseMatrix {
  const data = Float64Array.from({ length: rows * columns }, () => random.normal());
  return { rows, columns, data };
}

/** Random orthonormal vectors, one a row, at most as many as they are long. */
export function orthonormalRows(rows: number, columns: number, random: Random): DenseMatrix {
  return lq(gaussian(rows, columns, random)).Q;
}

/** Normal values in F32, an even number, by both branches of Box and Muller: for a matrix of 151 million. */
export function normalValues(size: number, deviation: number, random: Random): Float32Array {
  const data = new Float32Array(size);
  for (let i = 0; i < size; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random.uniform()));
    const angle = 2 * Math.PI * random.uniform();
    data[i] = radius * Math.cos(angle);
    data[i + 1] = radius * Math.sin(angle);
  }
  return data;
}
