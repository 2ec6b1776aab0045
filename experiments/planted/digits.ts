/** Digits that are rotated, and perceptrons that read upright ones. @module */

import { klDivergence } from "../../src/autograd/mod.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import { type Digits, loadDigits, principalDirections, rowBatches } from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { runTrainer, Trainer } from "../../src/train/mod.ts";
import { Perceptron } from "../../src/models/perceptron.ts";

/** The shape of base and students. */
export const digitShape = { widths: [196, 64, 10], biases: true };

/** Digits in a step. */
export const digitBatch = 128;

/** Searched on seed 1000, which is reported nowhere. */
const learningRate = 1e-2;

/** Reads the digits and trains bases when first asked, and remembers them. */
export class DigitSource {
  #data?: ReturnType<typeof readData>;
  readonly #bases = new Map<string, Promise<HostTensor[]>>();

  /** The digits, with the directions that span the planes of rotations. */
  data(): ReturnType<typeof readData> {
    return this.#data ??= readData();
  }

  /** A base of its own for the caller, who disposes it; trained in under a second. */
  async openBase(device: Device, seed: number, steps: number): Promise<Perceptron> {
    const key = `${seed} ${steps}`, known = this.#bases.get(key);
    const weights = known ?? trainBase(device, seed, steps, (await this.data()).split.train);
    this.#bases.set(key, weights);
    const values = await weights, base = Perceptron.init(device, digitShape, seed);
    [...base.parameters.values()].forEach(({ tensor }, i) => device.write(tensor, values[i].data));
    return base;
  }
}

async function readData() {
  const split = await loadDigits();
  return { split, directions: principalDirections(split.train.images) };
}

/** Learns the digits with smoothed labels, given as logits. */
async function trainBase(device: Device, seed: number, steps: number, digits: Digits) {
  using base = Perceptron.init(device, digitShape, seed);
  const schedule = "cosine", loss = klDivergence, targets = labelLogits(digits);
  using trainer = new Trainer(base, { learningRate, steps, schedule, loss });
  const batches = rowBatches(digits.images, targets, digitBatch, seed);
  for await (const _ of runTrainer(trainer, batches));
  return await device.read(...[...base.parameters.values()].map(({ tensor }) => tensor));
}

/** Logits of a distribution with 0.9 on the label and a tenth spread over all. */
function labelLogits({ labels }: Digits): HostTensor {
  const gap = Math.log(0.91 / 0.01), data = new Float32Array(10 * labels.length);
  labels.forEach((label, i) => data[10 * i + label] = gap);
  return { shape: [labels.length, 10], data };
}
