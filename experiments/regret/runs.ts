/** Runs of "LoRA without regret": a setting, a rate and a seed. @module */

import { Random } from "../../src/core/random.ts";
import { factBatch, factKeyLength as keyLength, type GlossSplit } from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { countTrainable, type TextModel } from "../../src/models/mod.ts";
import type { RunSpec } from "../../src/runs/mod.ts";
import { baseIdentity, loadBase } from "../base_model.ts";
import { type PlannedRun, planRun, type RunOpeners } from "../frame/mod.ts";
import { type GlossData, glossLoss, openGloss } from "../gloss_runs.ts";
import type { Setting } from "./methods.ts";

/** One run. */
export interface RegretRun {
  /** The method, the task and its size. */
  readonly setting: Setting;
  /** The rate of every step. */
  readonly learningRate: number;
  /** Seed of the pairs or facts, of their order, and of A. */
  readonly seed: number;
  /** Split that measures the loss on pairs. */
  readonly split: Exclude<GlossSplit, "train">;
}

/** Steps from one measurement of the loss on all facts to the next. */
export const factsEvery = 10;

/** Facts in a step. */
export const factBatchSize = 64;

/** Number of all tokens but the last, which ends a text. */
const words = 1023;

/**
 * One run. Its metrics are `trained` (values) and `loss` after the last step, in nats: per token of held-out
 * pairs, or per fact. The log of a run on facts has the loss at every tenth step.
 */
export function planRegret(chosen: RegretRun, quick: boolean): PlannedRun<RegretRun> {
  const { setting: { part, method, size, steps }, seed } = chosen;
  const label = `${part} ${size}, ${method.label}, seed ${seed}`;
  return (part === "facts" ? planFacts : planPairs)(chosen, label, quick ? 2 : steps, quick);
}

type PlanTask = (
  chosen: RegretRun,
  label: string,
  steps: number,
  quick: boolean,
) => PlannedRun<RegretRun>;

/** A run on pairs, none of which it sees twice. */
const planPairs: PlanTask = (chosen, label, steps, quick) => {
  const { setting: { size: batch }, split } = chosen;
  const evaluation = { split, examples: quick ? 16 : 256 };
  const data: GlossData = {
    ...{ part: "noun", examples: 4000, batch, length: 32, window: 8, evaluation },
  };
  return planRun({
    ...{ label, steps, chosen },
    spec: (device) => specOf(chosen, steps, { ...data, evaluation }, device),
    open: (device) => ({
      ...openersOf(device, steps),
      openBatches: ({ seed }) => openGloss(data, "train", seed),
      measure: async (model) => {
        return { loss: await glossLoss(model, data), trained: countTrainable(model) };
      },
    }),
  });
};

/** A run on facts, which are drawn anew for each seed. */
const planFacts: PlanTask = (chosen, label, steps, quick) => {
  const { setting: { size: facts }, seed } = chosen, all = { facts, seed };
  const batchOf = (random: Random) => random.permutation(facts).subarray(0, factBatchSize);
  const validateEvery = quick ? 1 : factsEvery;
  const plan = planRun<RegretRun, TextModel>({
    ...{ label, steps, chosen },
    spec: async (device) => {
      const data = { kind: "facts", facts, keyLength, batchSize: factBatchSize };
      const spec = await specOf(chosen, steps, data, device);
      return { ...spec, training: { ...spec.training, validateEvery } };
    },
    open: (device) => ({
      ...openersOf(device, steps),
      openBatches: () => (index) => factBatch(all, words, batchOf(new Random(seed).split(index))),
      openValidation: () => [factBatch(all, words, Array.from({ length: facts }, (_, i) => i))],
      measure: (model) => Promise.resolve({ trained: countTrainable(model) }),
    }),
  });
  return {
    ...plan,
    make: async (context) => {
      const made = await plan.make(context), { loss } = made.log.heldOut!.at(-1)!;
      return { ...made, metrics: { ...made.metrics, loss } };
    },
  };
};

/** Runs take seconds: no checkpoint is needed, and nobody reads the weights. */
function openersOf(
  device: Device,
  checkpointEvery: number,
): Pick<RunOpeners<TextModel>, "openModel" | "checkpointEvery" | "save"> {
  return { openModel: () => loadBase(device), checkpointEvery, save: () => Promise.resolve() };
}

async function specOf(
  { setting: { method }, learningRate, seed }: RegretRun,
  steps: number,
  data: RunSpec["data"],
  { kind: device }: Device,
): Promise<RunSpec> {
  const model = await baseIdentity(), training = { learningRate, steps };
  return { model, method: method.spec, data, training, seed, device };
}
