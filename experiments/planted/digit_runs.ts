/** Rotated digits, base perceptrons that read upright ones, and students that learn to read rotated ones. @module */

import { klDivergence } from "../../src/autograd/mod.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { howMany } from "../../src/core/numbers.ts";
import { type Digits, type DigitSplit, loadDigits } from "../../src/data/mod.ts";
import { principalDirections, rotate, rowBatches } from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { denseOf, difference, multiplyTransposed, singularValues } from "../../src/linalg/mod.ts";
import { accuracyOf, outputsOf, Perceptron } from "../../src/models/mod.ts";
import type { JsonRecord, RunSpec } from "../../src/runs/mod.ts";
import { type Batch, evaluate, runTrainer, Trainer } from "../../src/train/mod.ts";
import { planRun } from "../frame/mod.ts";

/** The shape of base and students. */
const digitShape = { widths: [196, 64, 10], biases: true };

/** Digits in a step. */
const digitBatch = 128;

/** Rates of the base and of students; searched on seed 1000, which is reported nowhere. */
const baseRate = 1e-2, studentRate = 3e-2;

/** Reads the digits and trains bases when first asked, and remembers them. */
export class DigitSource {
  #data?: ReturnType<typeof readData>;
  readonly #bases = new Map<string, Promise<HostTensor[]>>();

  /** The digits, with the directions that span the planes of rotations. */
  data(): ReturnType<typeof readData> {
    return this.#data ??= readData();
  }

  /** A new copy of the base for the caller, who disposes it; trained in under a second. */
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
  using trainer = new Trainer(base, { learningRate: baseRate, steps, schedule, loss });
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

/** A student of a rotation. */
export interface DigitRun {
  readonly planes: number; // planes that are rotated: the exact update has twice that rank
  readonly rank: number; // of the first layer's update
  readonly seed: number; // seed of base, batches and A
}

const degrees = 135;

/** Steps of the base and of every student. */
const longRun = 1000;

/** One run. */
export function planDigits(chosen: DigitRun, source: DigitSource, quick: boolean) {
  const { planes, rank, seed } = chosen, steps = quick ? 20 : longRun;
  return planRun({
    ...{ label: `${howMany(planes, "plane")}, r = ${rank}, seed ${seed}`, steps, chosen },
    spec: ({ kind: device }): RunSpec => ({
      model: { kind: "perceptron", ...digitShape },
      method: { kind: "lora", rank, alpha: rank, targetModules: ["layers.0"] },
      data: { kind: "rotated digits", planes, degrees, batch: digitBatch, base: { seed, steps } },
      training: {
        objective: "kl-divergence",
        learningRate: studentRate,
        steps,
        schedule: "cosine",
      },
      ...{ seed, device },
    }),
    open(device) {
      const openBase = () => source.openBase(device, seed, steps);
      /** Rotated images, and the base's outputs for the upright ones. */
      const lesson = async (part: keyof DigitSplit) => {
        const { split, directions } = await source.data(), { images, labels } = split[part];
        using base = await openBase();
        const inputs = rotate(images, directions, planes, degrees);
        return { upright: images, inputs, targets: await outputsOf(base, images), labels };
      };
      return {
        openModel: openBase,
        openBatches: async () => {
          const { inputs, targets } = await lesson("train");
          return rowBatches(inputs, targets, digitBatch, seed);
        },
        measure: async (student: Perceptron) => {
          using base = await openBase();
          return await measure(student, base, await lesson("heldOut"));
        },
      };
    },
  });
}

interface Lesson extends Batch<HostTensor> {
  readonly upright: HostTensor;
  readonly labels: Uint8Array;
}

/**
 * Divergence and accuracy on held-out digits, the divergence before adaptation, and the singular values of
 * D·S^½: what the rotation does to the first layer's outputs.
 */
async function measure(student: Perceptron, base: Perceptron, lesson: Lesson): Promise<JsonRecord> {
  const { inputs, targets, labels } = lesson;
  const divergence = async (model: Perceptron) =>
    (await evaluate(model, [{ inputs, targets }], { loss: klDivergence })).loss;
  return {
    divergence: await divergence(student),
    before: await divergence(base),
    accuracy: accuracyOf(await outputsOf(student, inputs), labels),
    teacherAccuracy: accuracyOf(targets, labels),
    spectrum: await shiftSpectrum(base, lesson),
  };
}

/** D S^½ has the singular values of W₁ (x - R x) over the images, one a row, divided by √images. */
async function shiftSpectrum(base: Perceptron, { upright, inputs }: Lesson): Promise<number[]> {
  const [weight] = await base.device.read(base.linears[0].weight.dense());
  const outputs = multiplyTransposed(
    difference(denseOf(upright), denseOf(inputs)),
    denseOf(weight),
  );
  const scale = 1 / Math.sqrt(outputs.rows);
  return Array.from(singularValues(outputs), (value) => scale * value);
}
