/** Batches of random rows. @module */

import type { Batch } from "../core/batch.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { Random } from "../core/random.ts";

/**
 * Batches of `size` rows of inputs and targets, drawn with replacement. A batch depends on the seed and
 * its index alone, so any of them can be made again.
 *
 * @param inputs (rows, inputs), F32.
 * @param targets (rows, outputs), F32.
 *
 * @example
 * ```ts
 * import { rowBatches } from "@lowrank/core/data";
 *
 * const inputs = { shape: [3, 1], data: Float32Array.of(1, 2, 3) };
 * console.log(rowBatches(inputs, inputs, 2, 1)(0).inputs.shape); // [ 2, 1 ]
 * ```
 */
export function rowBatches(
  inputs: HostTensor,
  targets: HostTensor,
  size: number,
  seed: number,
): (index: number) => Batch<HostTensor> {
  return (index) => {
    const random = new Random(seed).split(index);
    const rows = Array.from({ length: size }, () => random.integer(inputs.shape[0]));
    return { inputs: pick(inputs, rows), targets: pick(targets, rows) };
  };
}

/** The given rows of a matrix. */
function pick({ shape: [, width], data }: HostTensor, rows: readonly number[]): HostTensor {
  const out = new Float32Array(rows.length * width);
  rows.forEach((row, i) => out.set(data.subarray(row * width, (row + 1) * width), i * width));
  return { shape: [rows.length, width], data: out };
}
