/** A model's outputs on the host, and how many are right. @module */

import { rowBlock } from "../autograd/ops/product.ts";
import { Tape } from "../autograd/tape.ts";
import type { Batch, ModelInputs } from "../core/batch.ts";
import type { HostTensor } from "../core/tensor.ts";
import { assertOptions } from "../core/checks.ts";
import { cutRange } from "../core/update.ts";
import type { ForwardOptions, Model } from "./model.ts";
import type { TextModel } from "./text_model.ts";

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

/** Index of the largest output of a row, the first of equals. */
export function largestAt(data: HostTensor["data"], row: number, width: number): number {
  const outputs = data.subarray(row * width, (row + 1) * width);
  let largest = -Infinity;
  for (const output of outputs) largest = Math.max(largest, output);
  return outputs.indexOf(largest);
}

/** Options for judging answers. */
export interface RightAnswersOptions {
  /** Most outputs in memory at once, one token's at least. Default 2^25, 128 MiB, as the loss takes. */
  readonly mostOutputs?: number;
}

/** Counts of texts that are answered right. */
export interface RightAnswers {
  /** Texts whose answer is right to the last token. */
  readonly right: number;
  /** Number of all texts. */
  readonly texts: number;
}

/**
 * Counts the texts of all batches of which every target is the largest output where it is wanted: those that the
 * most likely continuation answers exactly, at the cost of one pass. Rows without targets are no texts.
 *
 * @throws {TypeError} when an option does not exist.
 *
 * @example
 * ```ts
 * import { loadModel, loadTokenizer, openDevice, promptedBatches } from "@lowrank/core";
 * import { rightAnswersOn } from "@lowrank/core/models";
 *
 * using device = await openDevice();
 * using model = await loadModel(device, "models/tiny-skills");
 * const tokenizer = await loadTokenizer("models/tiny-skills");
 * const texts = [{ prompt: "rev green:", completion: " neerg" }];
 * console.log(await rightAnswersOn(model, promptedBatches(tokenizer, texts))); // { right: 1, texts: 1 }
 * ```
 */
export async function rightAnswersOn(
  model: TextModel,
  batches: Iterable<Batch>,
  options: RightAnswersOptions = {},
): Promise<RightAnswers> {
  assertOptions("rightAnswersOn", options, { mostOutputs: true });
  let right = 0, texts = 0;
  for (const { inputs, targets: { shape: [, time], data } } of batches) {
    const places = [...data.keys()].filter((at) => data[at] >= 0);
    const largest = await largestOutputs(model, inputs, places, options);
    const textsAt = (some: readonly number[]) => new Set(some.map((at) => Math.floor(at / time)));
    const wrong = places.filter((at, row) => largest[row] !== data[at]);
    texts += textsAt(places).size;
    right += textsAt(places).size - textsAt(wrong).size;
  }
  return { right, texts };
}

/**
 * The share of the texts of all batches, from 0 to 1, that are answered right: see {@link rightAnswersOn}.
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
export async function exactOn(model: TextModel, batches: Iterable<Batch>): Promise<number> {
  const { right, texts } = await rightAnswersOn(model, batches);
  return right / texts;
}

/** Indices of the largest outputs of some of the batch · time tokens. */
async function largestOutputs(
  { device, parts: { states, head } }: TextModel,
  inputs: ModelInputs,
  rows: readonly number[],
  { mostOutputs = 2 ** 25 }: RightAnswersOptions,
): Promise<number[]> {
  if (rows.length === 0) return [];
  using tape = new Tape(device, { record: false });
  const read = states(tape, inputs, { rows }), found: number[] = [];
  for (const block of cutRange(rows.length, Math.max(1, Math.floor(mostOutputs / head.outputs)))) {
    const outputs = head.forward(tape, rowBlock(tape, read, block));
    const [{ shape: [count, width], data }] = await device.read(outputs);
    tape.release(outputs);
    for (let row = 0; row < count; row++) found.push(largestAt(data, row, width));
  }
  return found;
}
