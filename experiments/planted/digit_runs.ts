/** Runs of students that learn to read rotated digits. @module */

import { klDivergence } from "../../src/autograd/mod.ts";
import type { HostTensor } from "../../src/core/host_tensor.ts";
import { howMany } from "../../src/core/how_many.ts";
import type { DigitSplit } from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { multiplyTransposed, singularValues } from "../../src/linalg/mod.ts";
import type { JsonRecord, RunSpec } from "../../src/runs/mod.ts";
import { evaluate } from "../../src/train/mod.ts";
import { type PlannedRun, planRun } from "../frame/planned_runs.ts";
import { accuracyOf, outputsOf } from "../outputs.ts";
import { digitBatch, digitShape, type DigitSource, rotate, sampleRows } from "./digits.ts";
import { dense } from "./linear_task.ts";
import { difference } from "./linear_theory.ts";
import type { Perceptron } from "./perceptron.ts";

/** A student of a rotation. */
export interface DigitRun {
  /** Planes that are rotated: the exact update has twice that rank. */
  readonly planes: number;
  /** Of the first layer's update. */
  readonly rank: number;
  /** Seed of base, batches and A. */
  readonly seed: number;
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
      return {
        openModel: openBase,
        openBatches: async () => {
          const { inputs, targets } = await lesson(openBase, "train", planes, source);
          return (index) => sampleRows(inputs, targets, seed, index);
        },
        measure: (student: Perceptron) => measure(student, openBase, planes, source),
      };
    },
  });
}

type OpenBase = () => Promise<Perceptron>;

/** Rotated images, and what the base says of the upright ones. */
async function lesson(
  openBase: OpenBase,
  part: keyof DigitSplit,
  planes: number,
  source: DigitSource,
) {
  const { split, directions } = await source.data(), { images, labels } = split[part];
  using base = await openBase();
  const targets = await outputsOf(base, images);
  return { inputs: rotate(images, directions, planes, degrees), targets, labels };
}

/**
 * Divergence and accuracy on held-out digits, the divergence before adaptation, and the singular values of
 * D·S^½: what the rotation does to the first layer's outputs.
 */
async function measure(
  student: Perceptron,
  openBase: OpenBase,
  planes: number,
  source: DigitSource,
): Promise<JsonRecord> {
  const { inputs, targets, labels } = await lesson(openBase, "heldOut", planes, source);
  using base = await openBase();
  const divergence = async (model: Perceptron) =>
    (await evaluate(model, [{ inputs, targets }], { loss: klDivergence })).loss;
  return {
    divergence: await divergence(student),
    before: await divergence(base),
    accuracy: accuracyOf(await outputsOf(student, inputs), labels),
    teacherAccuracy: accuracyOf(targets, labels),
    spectrum: await shiftSpectrum(base, (await source.data()).split.heldOut.images, inputs),
  };
}

/** D S^½ has the singular values of W₁ (x - R x) over the images, one a row, divided by √images. */
async function shiftSpectrum(
  base: Perceptron,
  upright: HostTensor,
  rotated: HostTensor,
): Promise<number[]> {
  const [weight] = await base.device.read(base.linears[0].weight.dense());
  const outputs = multiplyTransposed(difference(dense(upright), dense(rotated)), dense(weight));
  const scale = 1 / Math.sqrt(outputs.rows);
  return Array.from(singularValues(outputs), (value) => scale * value);
}
