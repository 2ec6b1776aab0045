/** Runs of students that learn to read rotated digits. @module */

import { klDivergence } from "../../src/autograd/mod.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import { howMany } from "../../src/core/how_many.ts";
import type { DigitSplit } from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { denseOf, difference, multiplyTransposed, singularValues } from "../../src/linalg/mod.ts";
import type { JsonRecord, RunSpec } from "../../src/runs/mod.ts";
import { type Batch, evaluate } from "../../src/train/mod.ts";
import { type PlannedRun, planRun } from "../frame/mod.ts";
import { accuracyOf, outputsOf } from "../../src/models/mod.ts";
import { digitBatch, digitShape, type DigitSource, rotate, sampleRows } from "./digits.ts";
import type { Perceptron } from "../../src/models/perceptron.ts";

/** A student of a rotation. */
export interface DigitRun {
  readonly planes: number; // planes that are rotated: the exact update has twice that rank
  readonly rank: number; // of the first layer's update
  readonly seed: number; // seed of base, batches and A
}

const degrees = 135;

/** Searched on seed 1000, which is reported nowhere. */
const learningRate = 3e-2;

/** Steps of the base and of every student. */
const longRun = 1000;

/** One run. */
export function planDigits(
  chosen: DigitRun,
  source: DigitSource,
  quick: boolean,
): PlannedRun<DigitRun> {
  const { planes, rank, seed } = chosen, steps = quick ? 20 : longRun;
  return planRun({
    ...{ label: `${howMany(planes, "plane")}, r = ${rank}, seed ${seed}`, steps, chosen },
    spec: ({ kind: device }): RunSpec => ({
      model: { kind: "perceptron", ...digitShape },
      method: { kind: "lora", rank, alpha: rank, targetModules: ["layers.0"] },
      data: { kind: "rotated digits", planes, degrees, batch: digitBatch, base: { seed, steps } },
      training: { objective: "kl-divergence", learningRate, steps, schedule: "cosine" },
      ...{ seed, device },
    }),
    open(device) {
      const openBase = () => source.openBase(device, seed, steps);
      /** Rotated images, and what the base says of the upright ones. */
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
          return (index) => sampleRows(inputs, targets, seed, index);
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
