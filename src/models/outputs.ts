/** What a model says, read back. @module */

import { Tape } from "../autograd/mod.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { ForwardOptions, Model } from "./model.ts";

/** A model's outputs, without gradients. */
export async function outputsOf<Inputs>(
  model: Model<Inputs>,
  inputs: Inputs,
  options?: ForwardOptions,
): Promise<HostTensor> {
  using tape = new Tape(model.device, { record: false });
  return (await model.device.read(model.forward(tape, inputs, options)))[0];
}

/** The share of rows whose largest output is at the row's label. */
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
