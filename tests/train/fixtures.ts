/** Small models and batches for training. @module */

import { hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import type { Device } from "../../src/device/device.ts";
import { type Gpt2, initGpt2, type ModelOptions, parseGpt2Config } from "../../src/models/mod.ts";
import type { Batch } from "../../src/train/mod.ts";

/** A GPT-2 of 2 layers with 12 wide states over 11 tokens. */
export const tinyConfig = parseGpt2Config({
  vocab_size: 11,
  n_positions: 8,
  n_embd: 12,
  n_layer: 2,
  n_head: 3,
});

/** A random {@link tinyConfig}. */
export function tinyModel(device: Device, options: ModelOptions = {}): Gpt2 {
  return initGpt2(device, tinyConfig, { seed: 3, ...options });
}

/** Random tokens with the next token as target; the last of each row does not count. */
export function randomBatches(
  count: number,
  { rows = 2, time = 5, vocabulary = 11, seed = 1, lastLabel = -100 } = {},
): Batch[] {
  const random = new Random(seed);
  return Array.from({ length: count }, () => {
    const tokens = Uint32Array.from({ length: rows * time }, () => random.integer(vocabulary));
    const targets = Int32Array.from(
      tokens,
      (_, i) => (i + 1) % time === 0 ? lastLabel : tokens[i + 1],
    );
    const shape = [rows, time];
    return { inputs: { tokens: hostTensor(shape, tokens) }, targets: hostTensor(shape, targets) };
  });
}

/** Values of every trainable parameter, in one list. */
export async function trainedValues(model: Gpt2): Promise<number[]> {
  const values = await model.device.read(...model.trainable().map(({ tensor }) => tensor));
  return values.flatMap(({ data }) => [...data]);
}

/** Everything that an async iterable yields. */
export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
