/** Perceptrons that have learned digits, as bases of others. @module */

import { klDivergence } from "../src/autograd/mod.ts";
import type { HostTensor } from "../src/core/tensor.ts";
import { rowBatches } from "../src/data/mod.ts";
import type { Device } from "../src/device/device.ts";
import { Perceptron } from "../src/models/mod.ts";
import { runTrainer, Trainer } from "../src/train/mod.ts";

/** A perceptron and its training. */
export interface DigitBase {
  /** Widths of its layers, and whether they have biases. */
  readonly shape: { readonly widths: readonly number[]; readonly biases: boolean };
  /** Seed of its weights and of the order of digits. */
  readonly seed: number;
  /** Steps. */
  readonly steps: number;
  /** The highest rate of a cosine schedule. */
  readonly learningRate: number;
}

/** Digits in a step, of bases and of what is adapted. */
export const digitBatch = 128;

/** Its weights, after it has learned to give such logits. */
export async function trainDigits(
  device: Device,
  { shape, seed, steps, learningRate }: DigitBase,
  images: HostTensor,
  targets: HostTensor,
): Promise<HostTensor[]> {
  using model = Perceptron.init(device, shape, seed);
  const schedule = "cosine", loss = klDivergence;
  using trainer = new Trainer(model, { learningRate, steps, schedule, loss });
  for await (const _ of runTrainer(trainer, rowBatches(images, targets, digitBatch, seed)));
  return await device.read(...[...model.parameters.values()].map(({ tensor }) => tensor));
}

/** A new perceptron with such weights, for the caller, who disposes it. */
export function digitPerceptron(
  device: Device,
  { shape, seed }: DigitBase,
  weights: readonly HostTensor[],
): Perceptron {
  const model = Perceptron.init(device, shape, seed);
  [...model.parameters.values()].forEach(({ tensor }, i) => device.write(tensor, weights[i].data));
  return model;
}
