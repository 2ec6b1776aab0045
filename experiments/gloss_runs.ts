/** Runs on WordNet: a word and its kind in, its definition out (the paper's E2E task at small scale). @module */

import { join } from "node:path";
import { copyFiles } from "../src/storage/folder.ts";
import { median } from "../src/core/numbers.ts";
import {
  bucketBatches,
  glossBatches,
  type GlossSplit,
  type GlossTask,
  type PartOfSpeech,
} from "../src/data/mod.ts";
import type { Device, DeviceKind } from "../src/device/device.ts";
import { LiveSpectra } from "../src/inspect/live_spectra.ts";
import { countTrainable, type LoadModelOptions, type TextModel } from "../src/models/mod.ts";
import type { Json, JsonRecord, MethodSpec, RunSpec } from "../src/runs/mod.ts";
import { loadTokenizer } from "../src/tokenizer/mod.ts";
import { type Batch, evaluate } from "../src/train/mod.ts";
import { baseFolder, baseIdentity, loadBase } from "./base_model.ts";
import { type PlannedRun, planRun, type RunOpeners } from "./frame/mod.ts";

/** Training data of a run and the split of its report. */
export interface GlossData {
  readonly part: PartOfSpeech; // of which words
  readonly task?: GlossTask; // to define them, unless said
  readonly examples: number; // number of training pairs
  readonly batch: number; // pairs in a step
  readonly length: number; // tokens of a pair at most; longer pairs are left out
  /** Batches whose pairs are sorted by length together in training; where absent, pairs are padded to `length`. */
  readonly window?: number;
  /** Split and number of pairs that the loss is measured on. */
  readonly evaluation: { readonly split: GlossSplit; readonly examples: number };
  readonly [field: string]: string | number | object | undefined;
}

/** Sizes of the rank study's runs; a quick one measures less. */
export function glossData(part: PartOfSpeech, quick: boolean): GlossData {
  const examples = quick ? 64 : 512;
  return { part, examples: 4000, batch: 32, length: 48, evaluation: { split: "test", examples } };
}

/** Sizes of the adaptation experiment's runs, in which pairs of similar length are trained together. */
export function shortGlossData(part: PartOfSpeech, quick: boolean): GlossData {
  const sizes = glossData(part, quick), evaluation = measuredOn("test", quick);
  return { ...sizes, batch: 16, window: 8, evaluation };
}

/** One run: a method, its learning rate and a seed. */
export interface GlossRun {
  readonly method: MethodSpec; // full fine-tuning, or LoRA
  readonly learningRate: number; // peak of the schedule
  readonly seed: number; // seed of the batches, the adapter and dropout
  readonly steps: number; // steps of training
  readonly data: GlossData; // what it is trained on and what it is measured on
  readonly base?: LoadModelOptions; // how the base is stored; in F32 unless said
}

/** The paper's schedule and optimizer in small: AdamW, linear, warm-up, no decay, clipped. */
export async function glossSpec(
  { method, learningRate, seed, steps, data, base }: GlossRun,
  device: DeviceKind,
): Promise<RunSpec> {
  return {
    model: { ...await baseIdentity(), ...base as JsonRecord },
    method,
    data: { ...data, evaluation: { ...data.evaluation } } as RunSpec["data"],
    training: {
      steps,
      learningRate,
      schedule: "linear",
      warmupSteps: Math.ceil(steps / 20),
      clipNorm: 1,
    },
    seed,
    device,
  };
}

/**
 * One run. Its metrics are `loss` (mean over the scored tokens of the evaluation split, nats), `trained`
 * (values), `stepMs` (median wall time) and `spectra` (readings of its adapters; after a resume those of
 * the last part).
 */
export function planGloss(chosen: GlossRun, label: string): PlannedRun<GlossRun> {
  const open = (device: Device): RunOpeners<TextModel> => {
    const times: number[] = [];
    let spectra: LiveSpectra | undefined;
    return {
      openModel: async () => {
        const model = await loadBase(device, chosen.base);
        spectra = new LiveSpectra(model);
        return model;
      },
      openBatches: ({ seed }) => openGloss(chosen.data, "train", seed),
      onProgress: ({ ms }, steps) => {
        times.push(ms);
        spectra?.observe(steps);
      },
      measure: async (model) => ({
        loss: await glossLoss(model, chosen.data),
        trained: countTrainable(model),
        stepMs: median(times),
        spectra: await spectra?.readings() as unknown as Json,
      }),
    };
  };
  const spec = ({ kind }: Device) => glossSpec(chosen, kind);
  return planRun({ label, steps: chosen.steps, chosen, spec, open });
}

/** The loss of a model on the evaluation split, nats per scored token. */
export async function glossLoss(model: TextModel, data: GlossData): Promise<number> {
  return (await evaluate(model, await openEvaluation(data))).loss;
}

/** The split that measures the losses of a report. */
export function measuredOn(split: GlossSplit, quick: boolean): GlossData["evaluation"] {
  return { split, examples: quick ? 64 : 256 };
}

/** Batches of what the loss is measured on, sorted by length. */
export async function openEvaluation(data: GlossData): Promise<Iterable<Batch>> {
  const { split, examples } = data.evaluation, whole = { ...data, examples, window: undefined };
  return bucketBatches(await openGloss(whole, split, evaluationSeed, 1), Infinity, 0);
}

/** Chooses which pairs are evaluated, the same for every run. */
const evaluationSeed = 2021;

/** Batches that are sampled and encoded already, which all methods of a comparison read. */
const known = new Map<string, Promise<Iterable<Batch>>>();

/** Batches of a split, which can be read again from the start. */
export async function openGloss(
  { part, task, examples, batch, length, window }: GlossData,
  split: GlossSplit,
  seed: number,
  epochs = Infinity,
): Promise<Iterable<Batch>> {
  const tokenizer = await loadTokenizer(baseFolder);
  const options = { split, part, task, examples, batch, length, seed, epochs };
  const key = JSON.stringify(options), sample = () => glossBatches(tokenizer, options);
  const batches = await known.getOrInsertComputed(key, sample);
  return window === undefined ? batches : bucketBatches(batches, window, seed);
}

/** Copies a run's adapter to a folder that people find, `<out>/adapters/<name>`, and returns that. */
export async function publishAdapter(run: string, out: string, name: string): Promise<string> {
  const to = join(out, "adapters", name);
  await copyFiles(join(run, "adapter"), to);
  return to;
}
