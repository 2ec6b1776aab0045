/** A model's outputs on the host, and how many are right. @module */

import { Tape } from "../autograd/mod.ts";
import type { Batch } from "../core/batch.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { ForwardOptions, Model } from "./model.ts";

/** Runs a model without recording gradients and reads back what its head computes, (rows, outputs). */
export async function outputsOf<Inputs>(
  model: Model<Inputs>,
  inputs: Inputs,
  options?: ForwardOptions,
): Promise<HostTensor> {
  using tape = new Tape(model.device, { record: false });
  return (await model.device.read(model.forward(tape, inputs, options)))[0];
}

/**
 * The share of the rows of all batches, from 0 to 1, whose largest output is at the row's label: the accuracy
 * of a classifier.
 */
export async function accuracyOn<Inputs>(
  model: Model<Inputs>,
  batches: Iterable<Batch<Inputs>>,
): Promise<number> {
  let right = 0, all = 0;
  for (const { inputs, targets: { data } } of batches) {
    right += data.length * accuracyOf(await outputsOf(model, inputs), data);
    all += data.length;
  }
  return right / all;
}

/** The share of rows, from 0 to 1, whose largest output is at the row's label. Outputs are (rows, classes). */
export function accuracyOf(
  { shape: [rows, width], data }: HostTensor,
  labels: ArrayLike<number>,
): number {
  let right = 0;
  for (let row = 0; row < rows; row++) {
    const outputs = data.subarray(row * width, (row + 1) * width);
    right += Number(outputs.indexOf(Math.max(...outputs)) === labels[row]);
  }
  return right / rows;
}
