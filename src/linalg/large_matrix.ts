/** Matrices that are read a few rows at a time, because float64 copies of them would not fit. @module */

import { multiply, multiplyTransposed } from "./linalg.ts";
import { type DenseMatrix, type LargeMatrix, rowsOf, transposed, zeros } from "./matrix.ts";

/** About 8 MB of float64. */
const valuesAtOnce = 2 ** 20;

/** X Wᵀ, where X has few rows. */
export function timesTransposed(x: DenseMatrix, large: LargeMatrix): DenseMatrix {
  const out = zeros(large.rows, x.rows);
  for (const [start, block] of blocksOf(large)) {
    out.data.set(multiplyTransposed(block, x).data, start * x.rows);
  }
  return transposed(out);
}

/** X W, where X has few rows. */
export function times(x: DenseMatrix, large: LargeMatrix): DenseMatrix {
  const out = zeros(x.rows, large.columns), xTransposed = transposed(x);
  for (const [start, block] of blocksOf(large)) {
    const part = multiply(transposed(rowsOf(xTransposed, start, block.rows)), block).data;
    for (let i = 0; i < part.length; i++) out.data[i] += part[i];
  }
  return out;
}

/** ‖W‖_F. */
export function largeFrobeniusNorm(large: LargeMatrix): number {
  let sum = 0;
  for (let i = 0; i < large.data.length; i++) sum += large.data[i] ** 2;
  return Math.sqrt(sum);
}

/** Blocks of rows in float64, each with the number of its first row. */
function* blocksOf({ rows, columns, data }: LargeMatrix): Generator<[number, DenseMatrix]> {
  const height = Math.max(1, Math.floor(valuesAtOnce / Math.max(1, columns)));
  for (let start = 0; start < rows; start += height) {
    const count = Math.min(height, rows - start);
    const part = data.subarray(start * columns, (start + count) * columns);
    yield [start, { rows: count, columns, data: new Float64Array(part) }];
  }
}
