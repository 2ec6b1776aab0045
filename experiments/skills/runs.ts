/** Runs on the base with skills: a method, a rate and a seed on one task. @module */

import { injectLoraGa, type LoraAdapter, type WeightStartOptions } from "../../src/adapt/mod.ts";
import type { Batch } from "../../src/core/batch.ts";
import { lazily } from "../../src/core/numbers.ts";
import {
  type PromptedBatches,
  promptedBatches,
  type PromptedText,
  skillTexts,
} from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import {
  countTrainable,
  exactOn,
  initGpt2,
  loadModel,
  parseGpt2Config,
  type TextModel,
} from "../../src/models/mod.ts";
import type { Json, JsonRecord, MethodSpec, TrainingSpec } from "../../src/runs/mod.ts";
import { canonicalJson, fileDigests, sha256 } from "../../src/storage/digest.ts";
import { readJson } from "../../src/storage/files.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { evaluate } from "../../src/train/mod.ts";
import { type PlannedRun, planRun, type RunOpeners } from "../frame/mod.ts";
import { ownModels } from "../own_models.ts";
import { readUpdates, readWeights, type WeightsBefore } from "./changes.ts";
import type { DownstreamTask } from "./tasks.ts";

/** `untrained` is the network as its pretraining began, from a run's seed. */
export type SkillsBase = "trained" | "untrained";

/** The Hugging Face folder of the trained one. */
export const skillsFolder: string = ownModels("tiny-skills");

const digests = {
  trained: lazily(() => fileDigests(skillsFolder, /^(model\.safetensors|config\.json)$/)),
  untrained: lazily(() => fileDigests(skillsFolder, /^config\.json$/)),
};

/** Identity of the base in a specification. */
export const skillsIdentity = async (base: SkillsBase): Promise<JsonRecord> => ({
  ...{ name: "tiny-skills", base },
  ...await digests[base](),
});

/** Opens it. */
export async function openSkillsBase(
  device: Device,
  base: SkillsBase,
  seed: number,
): Promise<TextModel> {
  if (base === "trained") return await loadModel(device, skillsFolder);
  const config = await readJson(`${skillsFolder}/config.json`) as Record<string, unknown>;
  return initGpt2(device, parseGpt2Config(config), { seed });
}

/** The tokenizer of both. */
export const skillsTokenizer = lazily(() => loadTokenizer(skillsFolder));

/** Steps, texts in a step and training texts, unless said. */
export const skillSteps = 300, skillBatch = 32, skillExamples = 2000;

/** Most texts that rates are chosen by, and that are reported. */
export const measuredTexts = { validation: 200, test: 300 } as const;

/** Chooses the texts that are measured, the same for every run. */
const measuredSeed = 2021;

/** One run. */
export interface SkillRun {
  /** The trained method. */
  readonly method: MethodSpec;
  /** Its rate at its highest. */
  readonly learningRate: number;
  /** Steps of 32 texts. */
  readonly steps: number;
  /** Seed of the training texts and their order, of A, and of an untrained base. */
  readonly seed: number;
  /** The task. */
  readonly task: DownstreamTask;
  /** Split that measures the share of right answers. */
  readonly split: keyof typeof measuredTexts;
  /** Most training texts. Default 2,000. */
  readonly examples?: number;
  /** Most texts that are measured. Default: those of {@link measuredTexts}. */
  readonly measured?: number;
  /** The adapted base. Default: the trained base. */
  readonly base?: SkillsBase;
  /** Other steps than AdamW's with one rate. Default: none. */
  readonly training?: Pick<TrainingSpec, "loraPlusRatio" | "loraDamping">;
  /** Batches of its training whose gradients LoRA begins at (LoRA-GA). Default: none. */
  readonly gradientBatches?: number;
}

/** Measurements of a trained model that a study adds to those of every run. */
export interface FurtherMetrics {
  /** Names them in a run's specification. */
  readonly name: string;
  /** Measures them. */
  measure(model: TextModel): Promise<JsonRecord>;
}

/**
 * One run. Its metrics are `exact` (the share of the texts whose answer is right to its end, from 0 to 1), `loss` (nats
 * per character of the answers), `texts` (how many were measured), `trained` (values), `updates` (of q and v, where
 * they have any: {@link readUpdates}), and a study's own.
 *
 * @param name The method's, for the progress bar.
 */
export function planSkill<Chosen extends SkillRun>(
  chosen: Chosen,
  name: string,
  further?: FurtherMetrics,
): PlannedRun<Chosen> {
  const { method, learningRate, steps, seed, task, base = "trained", training } = chosen;
  return planRun<Chosen>({
    ...{ label: `${task.name}, ${name}, seed ${seed}`, steps, chosen },
    open: (device) => openersOf(chosen, device, further),
    spec: async ({ kind: device }) => ({
      model: await skillsIdentity(base),
      ...{ method, seed, device },
      data: { ...await dataOf(chosen), ...further && { further: further.name } },
      training: {
        ...{ learningRate, steps, schedule: "linear", warmupSteps: Math.ceil(steps / 30) },
        ...training,
      },
    }),
  });
}

/** Names the texts by their hash: a task that changes makes other runs. */
async function dataOf(chosen: SkillRun): Promise<JsonRecord> {
  const { task: { name: task }, split, gradientBatches } = chosen, texts = textsOf(chosen);
  const sha = await sha256(new TextEncoder().encode(canonicalJson(texts)));
  return { task, split, batch: skillBatch, sha256: sha, gradientBatches };
}

/** Texts that a run trains on, and texts that measure it. */
function textsOf(
  { task, split, seed, examples = skillExamples, measured: most = measuredTexts[split] }: Pick<
    SkillRun,
    "task" | "split" | "seed" | "examples" | "measured"
  >,
): Record<"train" | "measured", PromptedText[]> {
  const train = skillTexts(task, { split: "train", examples, seed });
  if (task.isRecalled) return { train, measured: train.slice(0, most) };
  return { train, measured: skillTexts(task, { split, examples: most, seed: measuredSeed }) };
}

function openersOf(
  chosen: SkillRun,
  device: Device,
  further?: FurtherMetrics,
): RunOpeners<TextModel> {
  const { base = "trained", seed, steps } = chosen, { train, measured } = textsOf(chosen);
  let before: WeightsBefore;
  return {
    openModel: async () => {
      const model = await openSkillsBase(device, base, seed);
      before = await readWeights(model);
      return model;
    },
    openBatches: () => trainingBatches(train, seed),
    ...chosen.gradientBatches && { adapt: (model) => startAtGradients(model, chosen) },
    // Runs take seconds; what they show is in their metrics.
    checkpointEvery: steps,
    save: () => Promise.resolve(),
    measure: async (model) => ({
      ...await scoreTexts(model, measured),
      trained: countTrainable(model),
      updates: await readUpdates(model, before) as unknown as Json,
      ...await further?.measure(model),
    }),
  };
}

/** LoRA-GA, over the first batches of the training. */
export async function startAtGradients(
  model: TextModel,
  { task, split, seed, method: { kind, ...options }, gradientBatches = 0 }: SkillRun,
): Promise<LoraAdapter> {
  if (kind !== "lora") throw new RangeError(`gradients are for LoRA's start, found ${kind}`);
  const { train } = textsOf({ task, split, seed }), batches: Batch[] = [];
  for (const batch of await trainingBatches(train, seed)) {
    if (batches.push(batch) === gradientBatches) break;
  }
  return await injectLoraGa(model, batches, options as WeightStartOptions);
}

async function trainingBatches(train: readonly PromptedText[], seed: number) {
  const batch = Math.min(skillBatch, train.length);
  return promptedBatches(await skillsTokenizer(), train, { batch, seed, epochs: Infinity });
}

const measuredBatches = async (texts: readonly PromptedText[]) =>
  promptedBatches(await skillsTokenizer(), texts, { batch: 100 });

/** The batches of a run, for another program: without end those of its training, and those that it is measured on. */
export async function batchesOf(
  chosen: SkillRun,
): Promise<Record<"train" | "measured", PromptedBatches>> {
  const { train, measured } = textsOf(chosen);
  return {
    train: await trainingBatches(train, chosen.seed),
    measured: await measuredBatches(measured),
  };
}

/** Counts the right answers of a model, and computes their loss. */
export async function scoreTexts(
  model: TextModel,
  texts: readonly PromptedText[],
): Promise<{ exact: number; loss: number; texts: number }> {
  const batches = [...await measuredBatches(texts)];
  const { loss } = await evaluate(model, batches);
  return { exact: await exactOn(model, batches), loss, texts: texts.length };
}

/** The texts that runs of a task report, for the base before any training. */
export const reportedTexts = (task: DownstreamTask, measured?: number): PromptedText[] =>
  textsOf({ task, split: "test", seed: measuredSeed, measured }).measured;
