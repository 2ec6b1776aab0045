/** A model's outputs on the host, and how many are right. @module */

import { Tape } from "../autograd/mod.ts";
import type { Batch, ModelInputs } from "../core/batch.ts";
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
    right += Number(largestAt(data, row, width) === labels[row]);
  }
  return right / rows;
}

/** Where the largest output of a row is, the first of equals. */
function largestAt(data: HostTensor["data"], row: number, width: number): number {
  const outputs = data.subarray(row * width, (row + 1) * width);
  return outputs.indexOf(Math.max(...outputs));
}

/**
 * The share of the texts of all batches, from 0 to 1, of which every target is the largest output where it is wanted:
 * those that the most likely continuation answers exactly, at the cost of one pass. Rows without targets are no
 * texts.
 *
 * @example
 * ```ts
 * import { loadModel, loadTokenizer, openDevice, promptedBatches } from "@lowrank/core";
 * import { exactOn } from "@lowrank/core/models";
 *
 * using device = await openDevice();
 * using model = await loadModel(device, "models/tiny-skills");
 * const tokenizer = await loadTokenizer("models/tiny-skills");
 * const texts = [{ prompt: "rev green:", completion: " neerg" }];
 * console.log(await exactOn(model, promptedBatches(tokenizer, texts))); // 1
 * ```
 */
export async function exactOn(
  model: Model<ModelInputs>,
  batches: Iterable<Batch>,
): Promise<number> {
  let right = 0, all = 0;
  for (const { inputs, targets: { shape: [, time], data } } of batches) {
    const places = [...data.keys()].filter((at) => data[at] >= 0);
    const { shape: [, width], data: outputs } = await outputsOf(model, inputs, { rows: places });
    const textsAt = (some: readonly number[]) => new Set(some.map((at) => Math.floor(at / time)));
    const wrong = places.filter((at, row) => largestAt(outputs, row, width) !== data[at]);
    all += textsAt(places).size;
    right += textsAt(places).size - textsAt(wrong).size;
  }
  return right / all;
}
