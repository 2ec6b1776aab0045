/**
 * The run behind each of our small models: it trains from a seed, saves the model in F16, and writes what it has
 * measured. Stopped or killed, the same command resumes from the last checkpoint.
 *
 * @module
 */

import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { checkedOutCommit } from "../../experiments/frame/checkout.ts";
import { writeJsonAtomic } from "../../src/storage/files.ts";
import { mean } from "../../src/core/numbers.ts";
import { type CpuOptions, openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/mod.ts";
import { loadModel, saveModel, type TextInputs, type TextModel } from "../../src/models/mod.ts";
import {
  type BatchSource,
  emptyLog,
  hasCheckpoint,
  logStep,
  removeCheckpoint,
  resumeCheckpoint,
  runTrainer,
  saveCheckpoint,
  type Schedule,
  Trainer,
  TrainingClock,
  type TrainingLog,
} from "../../src/train/mod.ts";
import { decayGroups, type Recipe } from "./optimizer.ts";

/** Data and measurement of a training. */
export interface Material {
  /** The first weights. */
  readonly init: (device: Device) => TextModel;
  /** Inputs of the model. */
  readonly batches: BatchSource<TextInputs>;
  /** Measures the saved model, by the names of fields. */
  readonly measure: (saved: TextModel) => Promise<Readonly<Record<string, unknown>>>;
}

/** A pretraining. */
export interface Pretraining {
  /** Folder of the model unless another one is given. */
  readonly folder: string;
  /** Steps unless others are given. */
  readonly steps: number;
  /** Settings. */
  readonly recipe: Recipe;
  /** Options of the device that trains. */
  readonly device: CpuOptions;
  /** The learning rate's course. */
  readonly schedule: (steps: number) => Schedule;
  /** Reads what is needed, with the tokenizer in the folder. */
  readonly prepare: (folder: string, seed: number) => Promise<Material>;
}

/** Record of a pretraining, beside its measurements. */
export interface PretrainingRecord {
  /** Settings. */
  readonly recipe: Recipe & Readonly<Record<string, number | readonly number[]>>;
  /** Steps. */
  readonly steps: number;
  /** Minutes of all calls that it took. */
  readonly minutes: number;
  /** The device. */
  readonly device: string;
  /** The commit that was checked out. */
  readonly commit?: string;
  /** Mean losses of 20 steps each. */
  readonly loss: readonly (readonly [step: number, loss: number])[];
}

/** Milliseconds from one checkpoint to the next. */
const checkpointEvery = 60_000;

/** Runs a pretraining as the command line says: `[FOLDER] [--steps N] [--seed S] [--threads T]`. */
export async function runPretraining(plan: Pretraining): Promise<void> {
  const { folder, steps, seed, device: options } = argumentsFor(plan);
  const { init, batches, measure } = await plan.prepare(folder, seed);
  using device = await openCpuDevice(options);
  console.error(device.description);
  using model = init(device);
  const checkpoint = `${folder}/pretraining.safetensors`;
  using trainer = new Trainer(model, trainerOptions(plan, model, steps, seed));
  const { loss, seconds } = await trainToEnd(trainer, batches, checkpoint);
  await saveModel(model, folder, "F16");
  using saved = await loadModel(device, folder);
  const record: PretrainingRecord = {
    recipe: { seed, ...plan.recipe },
    steps,
    minutes: seconds / 60,
    device: device.description,
    commit: await checkedOutCommit(fileURLToPath(new URL("../..", import.meta.url))),
    ...await measure(saved),
    loss: meansOf20(loss),
  };
  await writeJsonAtomic(`${folder}/pretraining.json`, record);
  await removeCheckpoint(checkpoint);
  console.log(JSON.stringify({ ...record, loss: undefined }));
}

function argumentsFor({ folder, steps, device }: Pretraining) {
  const { values, positionals } = parseArgs({
    args: Deno.args,
    options: {
      steps: { type: "string", default: String(steps) },
      seed: { type: "string", default: "1" },
      threads: { type: "string" },
    },
    allowPositionals: true,
  });
  const threads = values.threads === undefined ? device.threads : Number(values.threads);
  return {
    folder: positionals[0] ?? folder,
    steps: Number(values.steps),
    seed: Number(values.seed),
    device: { ...device, threads },
  };
}

const trainerOptions = (
  { recipe, schedule }: Pretraining,
  model: TextModel,
  steps: number,
  seed: number,
) => {
  const { learningRate, betas, clipNorm, weightDecay } = recipe;
  const groups = decayGroups(model, weightDecay);
  return { learningRate, betas, clipNorm, schedule: schedule(steps), steps, seed, groups };
};

/** Trains to the end, from a checkpoint if there is one. */
async function trainToEnd(
  trainer: Trainer<TextInputs>,
  batches: BatchSource<TextInputs>,
  checkpoint: string,
): Promise<TrainingLog & { seconds: number }> {
  const before = await hasCheckpoint(checkpoint)
    ? await resumeCheckpoint(checkpoint, trainer)
    : undefined;
  const log = before?.log ?? emptyLog(), clock = new TrainingClock(before?.times);
  let saved = performance.now();
  for await (const event of runTrainer(trainer, batches)) {
    logStep(log, event);
    if (trainer.steps % 100 === 0) console.error(progress(log, clock));
    if (performance.now() - saved < checkpointEvery) continue;
    await saveCheckpoint(checkpoint, trainer, log, clock.times);
    saved = performance.now();
  }
  return { ...log, seconds: clock.times.seconds };
}

const progress = ({ loss }: TrainingLog, { times: { seconds } }: TrainingClock): string =>
  `step ${loss.length}: ${mean(loss.slice(-100)).toFixed(4)} nats, ${seconds.toFixed(0)} s`;

/** The mean of each 20 steps, with the number of the last of them. */
const meansOf20 = (loss: readonly number[]): [step: number, loss: number][] =>
  Array.from({ length: Math.floor(loss.length / 20) }, (_, i) => {
    const end = 20 * (i + 1);
    return [end, mean(loss.slice(end - 20, end))];
  });
