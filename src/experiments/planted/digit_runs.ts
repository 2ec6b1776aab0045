/** Runs on rotated digits: a base that reads upright ones, and students that learn a rotation. @module */

import { join } from "node:path";
import { Tape } from "../../autograd/mod.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { Random } from "../../core/random.ts";
import { type Digits, type DigitSplit, loadDigits } from "../../data/mod.ts";
import type { Device } from "../../device/device.ts";
import type { DenseMatrix } from "../../linalg/mod.ts";
import { loadParameters } from "../../models/mod.ts";
import { type MethodSpec, run, type RunResult, type RunSpec } from "../../runs/mod.ts";
import { type Batch, evaluate } from "../../train/mod.ts";
import type { PlannedRun, RunContext } from "../planned_runs.ts";
import { Perceptron } from "./perceptron.ts";
import { principalDirections, rotate } from "./rotation.ts";

/** A student of a rotation. */
export interface DigitRun {
  /** Planes that are rotated: the exact update has twice that rank. */
  readonly planes: number;
  /** Of the first layer's update. */
  readonly rank: number;
  /** Seed of base, batches and A. */
  readonly seed: number;
}

/** Digits and the directions that span the planes, read when first needed. */
export interface DigitSource {
  (): Promise<{ readonly split: DigitSplit; readonly directions: DenseMatrix }>;
}

/** Reads the digits once, however often it is asked. */
export function digitSource(): DigitSource {
  let digits: ReturnType<DigitSource> | undefined;
  const read = async () => {
    const split = await loadDigits();
    return { split, directions: principalDirections(split.train.images) };
  };
  return () => digits ??= read();
}

const shape = { widths: [196, 64, 10], biases: true }, degrees = 135, batch = 128;

/** Both searched on seed 1000, which is reported nowhere. */
const learningRates = { base: 1e-2, student: 3e-2 };

/** Steps of the base and of every student. */
const stepsOf = (quick: boolean) => quick ? 20 : 1000;

/** A run of a student; it makes its base where there is none yet. */
export function planDigits(chosen: DigitRun, source: DigitSource, quick: boolean): PlannedRun {
  const { planes, rank, seed } = chosen, steps = stepsOf(quick);
  return {
    label: `${planes} planes, r = ${rank}, seed ${seed}`,
    steps,
    spec: (device) => studentSpec(chosen, steps, device),
    make: async ({ onStep, ...context }) => {
      const { folder } = await baseRun(seed, steps, source, context);
      const openBase = async () => {
        const base = Perceptron.init(context.device, shape, seed);
        await loadParameters(base, join(folder, "model"));
        return base;
      };
      return await run(studentSpec(chosen, steps, context.device), {
        ...context,
        openModel: openBase,
        openBatches: async () => {
          const { inputs, targets } = await lesson(openBase, "train", chosen, source);
          return (index: number) => sampled(inputs, targets, seed, index);
        },
        measure: (student) => measure(student, openBase, chosen, source),
        onProgress: ({ step }) => onStep?.(step),
      });
    },
  };
}

function specOf(method: MethodSpec, data: RunSpec["data"], training: RunSpec["training"]) {
  return {
    model: { kind: "perceptron", ...shape },
    method,
    data,
    training: { ...training, objective: "kl-divergence", schedule: "cosine" } as const,
  };
}

function studentSpec({ planes, rank, seed }: DigitRun, steps: number, device: Device): RunSpec {
  const method = { kind: "lora", rank, alpha: rank, targetModules: ["layers.0"] } as const;
  const data = { kind: "rotated digits", planes, degrees, batch, base: { seed, steps } };
  const spec = specOf(method, data, { learningRate: learningRates.student, steps });
  return { ...spec, seed, device: device.kind };
}

/** The base learns the digits with smoothed labels, given as logits. */
async function baseRun(
  seed: number,
  steps: number,
  source: DigitSource,
  context: RunContext,
): Promise<RunResult> {
  const data = { kind: "digits", batch };
  const spec = specOf({ kind: "full" }, data, { learningRate: learningRates.base, steps });
  return await run({ ...spec, seed, device: context.device.kind }, {
    ...context,
    openModel: (_, device) => Perceptron.init(device, shape, seed),
    openBatches: async () => {
      const { train } = (await source()).split, targets = labelLogits(train);
      return (index: number) => sampled(train.images, targets, seed, index);
    },
  });
}

/** Logits of a distribution with 0.9 on the label and a tenth spread over all. */
function labelLogits({ labels }: Digits): HostTensor {
  const gap = Math.log(0.91 / 0.01), data = new Float32Array(10 * labels.length);
  labels.forEach((label, i) => data[10 * i + label] = gap);
  return { shape: [labels.length, 10], data };
}

/** Rotated images, and what the base says of the upright ones. */
async function lesson(
  openBase: () => Promise<Perceptron>,
  part: keyof DigitSplit,
  { planes }: DigitRun,
  source: DigitSource,
): Promise<{ inputs: HostTensor; targets: HostTensor; labels: Uint8Array }> {
  const { split, directions } = await source(), { images, labels } = split[part];
  using base = await openBase();
  const targets = await logitsOf(base, images);
  return { inputs: rotate(images, directions, planes, degrees), targets, labels };
}

async function logitsOf(model: Perceptron, inputs: HostTensor): Promise<HostTensor> {
  using tape = new Tape(model.device, { record: false });
  return (await model.device.read(model.forward(tape, inputs)))[0];
}

/** A batch of random rows, the same for the same seed and index. */
function sampled(inputs: HostTensor, targets: HostTensor, seed: number, index: number): Batch {
  const random = new Random(seed).split(index);
  const rows = Array.from({ length: batch }, () => random.integer(inputs.shape[0]));
  return { inputs: pick(inputs, rows), targets: pick(targets, rows) };
}

function pick({ shape: [, width], data }: HostTensor, rows: readonly number[]): HostTensor {
  const out = new Float32Array(rows.length * width);
  rows.forEach((row, i) => out.set(data.subarray(row * width, (row + 1) * width), i * width));
  return { shape: [rows.length, width], data: out };
}

/** Divergence and accuracy on held-out digits, and the divergence before adaptation. */
async function measure(
  student: Perceptron,
  openBase: () => Promise<Perceptron>,
  chosen: DigitRun,
  source: DigitSource,
) {
  const { inputs, targets, labels } = await lesson(openBase, "heldOut", chosen, source);
  using base = await openBase();
  const divergence = async (model: Perceptron) =>
    (await evaluate(model, [{ inputs, targets }], "kl-divergence")).loss;
  return {
    divergence: await divergence(student),
    before: await divergence(base),
    accuracy: accuracyOf(await logitsOf(student, inputs), labels),
    teacherAccuracy: accuracyOf(targets, labels),
  };
}

function accuracyOf({ shape: [rows, width], data }: HostTensor, labels: Uint8Array): number {
  let right = 0;
  for (let row = 0; row < rows; row++) {
    const logits = data.subarray(row * width, (row + 1) * width);
    right += Number(logits.indexOf(Math.max(...logits)) === labels[row]);
  }
  return right / rows;
}
