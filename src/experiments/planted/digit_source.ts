/** What runs on digits share: the digits, the directions of the rotations, and bases that read upright ones. @module */

import { klDivergence } from "../../autograd/mod.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { Random } from "../../core/random.ts";
import { type Digits, type DigitSplit, loadDigits } from "../../data/mod.ts";
import type { Device } from "../../device/device.ts";
import type { DenseMatrix } from "../../linalg/mod.ts";
import { type Batch, runTrainer, Trainer } from "../../train/mod.ts";
import { Perceptron } from "./perceptron.ts";
import { principalDirections } from "./rotation.ts";

/** The shape of base and students. */
export const digitShape = { widths: [196, 64, 10], biases: true };

/** Digits in a step. */
export const digitBatch = 128;

/** Searched on seed 1000, which is reported nowhere. */
const learningRate = 1e-2;

/** Digits with the directions that span the planes of rotations. */
interface DigitData {
  readonly split: DigitSplit;
  readonly directions: DenseMatrix;
}

/** Reads the digits and trains bases when first asked, and remembers them. */
export class DigitSource {
  #data?: Promise<DigitData>;
  readonly #bases = new Map<string, Promise<HostTensor[]>>();

  /** The digits. */
  data(): Promise<DigitData> {
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

async function readData(): Promise<DigitData> {
  const split = await loadDigits();
  return { split, directions: principalDirections(split.train.images) };
}

/** Learns the digits with smoothed labels, given as logits. */
async function trainBase(
  device: Device,
  seed: number,
  steps: number,
  digits: Digits,
): Promise<HostTensor[]> {
  using base = Perceptron.init(device, digitShape, seed);
  const schedule = "cosine", loss = klDivergence, targets = labelLogits(digits);
  using trainer = new Trainer(base, { learningRate, steps, schedule, loss });
  const batches = (index: number) => sampleRows(digits.images, targets, seed, index);
  for await (const _ of runTrainer(trainer, batches));
  return await device.read(...[...base.parameters.values()].map(({ tensor }) => tensor));
}

/** Logits of a distribution with 0.9 on the label and a tenth spread over all. */
function labelLogits({ labels }: Digits): HostTensor {
  const gap = Math.log(0.91 / 0.01), data = new Float32Array(10 * labels.length);
  labels.forEach((label, i) => data[10 * i + label] = gap);
  return { shape: [labels.length, 10], data };
}

/** A batch of random rows, the same for the same seed and index. */
export function sampleRows(
  inputs: HostTensor,
  targets: HostTensor,
  seed: number,
  index: number,
): Batch<HostTensor> {
  const random = new Random(seed).split(index);
  const rows = Array.from({ length: digitBatch }, () => random.integer(inputs.shape[0]));
  return { inputs: pick(inputs, rows), targets: pick(targets, rows) };
}

function pick({ shape: [, width], data }: HostTensor, rows: readonly number[]): HostTensor {
  const out = new Float32Array(rows.length * width);
  rows.forEach((row, i) => out.set(data.subarray(row * width, (row + 1) * width), i * width));
  return { shape: [rows.length, width], data: out };
}
