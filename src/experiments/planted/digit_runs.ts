/** Runs of students that learn to read rotated digits. @module */

import { klDivergence, Tape } from "../../autograd/mod.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { howMany } from "../../core/how_many.ts";
import type { DigitSplit } from "../../data/mod.ts";
import type { Device } from "../../device/device.ts";
import { multiplyTransposed, singularValues } from "../../linalg/mod.ts";
import { type JsonRecord, run, type RunSpec } from "../../runs/mod.ts";
import { evaluate } from "../../train/mod.ts";
import type { PlannedRun } from "../planned_runs.ts";
import { digitBatch, digitShape, type DigitSource, sampleRows } from "./digit_source.ts";
import { dense } from "./linear_task.ts";
import { difference } from "./linear_theory.ts";
import type { Perceptron } from "./perceptron.ts";
import { rotate } from "./rotation.ts";

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
export function planDigits(chosen: DigitRun, source: DigitSource, quick: boolean): PlannedRun {
  const { planes, rank, seed } = chosen, steps = quick ? 20 : longRun;
  return {
    label: `${howMany(planes, "plane")}, r = ${rank}, seed ${seed}`,
    steps,
    spec: (device) => specOf(chosen, steps, device),
    make: async ({ onStep, ...context }) => {
      const openBase = () => source.openBase(context.device, seed, steps);
      return await run(specOf(chosen, steps, context.device), {
        ...context,
        openModel: openBase,
        openBatches: async () => {
          const { inputs, targets } = await lesson(openBase, "train", chosen, source);
          return (index: number) => sampleRows(inputs, targets, seed, index);
        },
        measure: (student) => measure(student, openBase, chosen, source),
        onProgress: ({ step }) => onStep?.(step),
      });
    },
  };
}

function specOf({ planes, rank, seed }: DigitRun, steps: number, device: Device): RunSpec {
  return {
    model: { kind: "perceptron", ...digitShape },
    method: { kind: "lora", rank, alpha: rank, targetModules: ["layers.0"] },
    data: { kind: "rotated digits", planes, degrees, batch: digitBatch, base: { seed, steps } },
    training: { objective: "kl-divergence", learningRate, steps, schedule: "cosine" },
    seed,
    device: device.kind,
  };
}

/** Rotated images, and what the base says of the upright ones. */
async function lesson(
  openBase: () => Promise<Perceptron>,
  part: keyof DigitSplit,
  { planes }: DigitRun,
  source: DigitSource,
): Promise<{ inputs: HostTensor; targets: HostTensor; labels: Uint8Array }> {
  const { split, directions } = await source.data(), { images, labels } = split[part];
  using base = await openBase();
  const targets = await logitsOf(base, images);
  return { inputs: rotate(images, directions, planes, degrees), targets, labels };
}

async function logitsOf(model: Perceptron, inputs: HostTensor): Promise<HostTensor> {
  using tape = new Tape(model.device, { record: false });
  return (await model.device.read(model.forward(tape, inputs)))[0];
}

/**
 * Divergence and accuracy on held-out digits, the divergence before adaptation, and the singular values of
 * D·S^½: what the rotation does to the first layer's outputs.
 */
async function measure(
  student: Perceptron,
  openBase: () => Promise<Perceptron>,
  chosen: DigitRun,
  source: DigitSource,
): Promise<JsonRecord> {
  const { inputs, targets, labels } = await lesson(openBase, "heldOut", chosen, source);
  using base = await openBase();
  const divergence = async (model: Perceptron) =>
    (await evaluate(model, [{ inputs, targets }], { loss: klDivergence })).loss;
  return {
    divergence: await divergence(student),
    before: await divergence(base),
    accuracy: accuracyOf(await logitsOf(student, inputs), labels),
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

function accuracyOf({ shape: [rows, width], data }: HostTensor, labels: Uint8Array): number {
  let right = 0;
  for (let row = 0; row < rows; row++) {
    const logits = data.subarray(row * width, (row + 1) * width);
    right += Number(logits.indexOf(Math.max(...logits)) === labels[row]);
  }
  return right / rows;
}
