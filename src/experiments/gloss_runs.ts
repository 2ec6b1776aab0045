/** Runs on WordNet: a word and its kind in, its definition out (the paper's E2E task in kind). @module */

import { join } from "node:path";
import { glossBatches, type GlossSplit, type PartOfSpeech } from "../data/mod.ts";
import type { DeviceKind } from "../device/device.ts";
import { countTrainable, type TextModel } from "../models/mod.ts";
import { type Json, type MethodSpec, run, type RunResult, type RunSpec } from "../runs/mod.ts";
import { loadTokenizer } from "../tokenizer/mod.ts";
import { type Batch, evaluate } from "../train/mod.ts";
import { median } from "./statistics.ts";
import { LiveSpectra } from "./live_spectra.ts";
import type { PlannedRun, RunContext } from "./planned_runs.ts";
import { baseFolder, baseIdentity, loadBase } from "./base_model.ts";

/** What is trained on and what is reported. */
export interface GlossData {
  /** Of which words. */
  readonly part: PartOfSpeech;
  /** Number of training pairs. */
  readonly examples: number;
  /** Pairs in a step. */
  readonly batch: number;
  /** Tokens of a pair, padding included; longer pairs are left out. */
  readonly length: number;
  /** Split and number of pairs that the loss is measured on. */
  readonly evaluation: { readonly split: GlossSplit; readonly examples: number };
  readonly [field: string]: string | number | object;
}

/** Sizes of every run of this task; a quick one measures less. */
export function glossData(part: PartOfSpeech, quick: boolean): GlossData {
  const examples = quick ? 64 : 512;
  return { part, examples: 4000, batch: 32, length: 48, evaluation: { split: "test", examples } };
}

/** One run: a method, its learning rate and a seed. */
export interface GlossRun {
  /** Full fine-tuning, or LoRA. */
  readonly method: MethodSpec;
  /** Peak of the schedule. */
  readonly learningRate: number;
  /** Seed of the batches, the adapter and dropout. */
  readonly seed: number;
  /** Steps of training. */
  readonly steps: number;
  /** What it is trained on and what it is measured on. */
  readonly data: GlossData;
}

/** The paper's schedule and optimizer in small: AdamW, linear, warm-up, no decay, clipped. */
export async function glossSpec(
  { method, learningRate, seed, steps, data }: GlossRun,
  device: DeviceKind,
): Promise<RunSpec> {
  return {
    model: await baseIdentity(),
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
 * Trains one run, or reads it where it is finished. Its metrics are `loss` (mean over the scored tokens of
 * the evaluation split, nats), `trained` (values), `stepMs` (median wall time) and `spectra` (readings of
 * its adapters; after a resume those of the last part).
 */
export async function glossRun(
  chosen: GlossRun,
  { device, folder, signal, onStep }: RunContext,
): Promise<RunResult> {
  const times: number[] = [];
  let spectra: LiveSpectra | undefined;
  return await run(await glossSpec(chosen, device.kind), {
    folder,
    device,
    signal,
    openModel: async () => {
      const model = await loadBase(device);
      spectra = new LiveSpectra(model);
      return model;
    },
    openBatches: ({ seed }) => openGloss(chosen.data, "train", seed),
    onProgress: ({ step, ms }, steps) => {
      times.push(ms);
      spectra?.observe(steps);
      onStep?.(step);
    },
    measure: async (model) => ({
      loss: await glossLoss(model, chosen.data),
      trained: countTrainable(model),
      stepMs: median(times),
      spectra: await spectra?.readings() as unknown as Json,
    }),
  });
}

/** A run for a list of many. */
export function planGloss(chosen: GlossRun, label: string): PlannedRun {
  return {
    label,
    steps: chosen.steps,
    spec: ({ kind }) => glossSpec(chosen, kind),
    make: (context) => glossRun(chosen, context),
  };
}

/** The loss of a model on the evaluation split, nats per scored token. */
export async function glossLoss(model: TextModel, data: GlossData): Promise<number> {
  return (await evaluate(model, await openEvaluation(data))).loss;
}

/** Batches of what the loss is measured on. */
export function openEvaluation(data: GlossData): Promise<Iterable<Batch>> {
  const { split, examples } = data.evaluation;
  return openGloss({ ...data, examples }, split, evaluationSeed, 1);
}

/** Chooses which pairs are evaluated, the same for every run. */
const evaluationSeed = 2021;

/** Batches of a split, which can be read again from the start. */
export async function openGloss(
  { part, examples, batch, length }: GlossData,
  split: GlossSplit,
  seed: number,
  epochs = Infinity,
): Promise<Iterable<Batch>> {
  const tokenizer = await loadTokenizer(baseFolder);
  const options = { split, part, examples, batch, length, seed, epochs };
  return await glossBatches(tokenizer, options);
}

/** Copies a run's adapter to a folder that people find, `<out>/adapters/<name>`, and returns that. */
export async function publishAdapter(
  runFolder: string,
  out: string,
  name: string,
): Promise<string> {
  const from = join(runFolder, "adapter"), to = join(out, "adapters", name);
  await Deno.mkdir(to, { recursive: true });
  for await (const entry of Deno.readDir(from)) {
    await Deno.copyFile(join(from, entry.name), join(to, entry.name));
  }
  return to;
}
