/** Runs of every method on E2E, with the search of their rates: the base, the meanings and the methods, and what a model answers. @module */

import { join } from "node:path";
import type { PromptFormat } from "../../../src/core/batch.ts";
import { lazily } from "../../../src/core/numbers.ts";
import { Random } from "../../../src/core/random.ts";
import {
  bucketBatches,
  e2eData,
  type E2eMeaning,
  type PromptedBatches,
  promptedBatches,
  type PromptedText,
} from "../../../src/data/mod.ts";
import type { Device } from "../../../src/device/device.ts";
import { continueGreedily } from "../../../src/models/generate/greedy_batch.ts";
import { countTrainable, loadModel, type TextModel } from "../../../src/models/mod.ts";
import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/plan.ts";
import { fileDigest, fileDigests } from "../../../src/storage/digest.ts";
import { kindOf } from "../../../src/storage/storage.ts";
import { encodePrompt, loadTokenizer, type Tokenizer } from "../../../src/tokenizer/mod.ts";
import { type Batch, evaluate } from "../../../src/train/mod.ts";
import { type PlannedRun, planRun } from "../../frame/mod.ts";
import { searchSeed as seed } from "../../rate_search.ts";
import { searchMethods } from "../chosen.ts";
import { oneSize, type StudiedMethod } from "../comparison.ts";

/** Places of the base and the dataset in the folder that `LOWRANK_DATA` names. */
export const basePath = "models/SmolLM2-135M-Instruct", archivePath = "nlg/e2e-dataset.zip";

/** Numbers of meanings and of tokens. */
interface E2eSizes {
  /** Meanings of the validation set, and as many of the test set. */
  readonly meanings: number;
  /** Most tokens of an answer. */
  readonly newTokens: number;
}

/** Sizes of the study. */
export const e2eSizes: E2eSizes = { meanings: 48, newTokens: 64 };

/** Pairs in a step, and the most tokens of one. */
export const pairs = 4, longestPair = 128;

/** The sign behind a meaning is that of the authors' files. */
export const format: PromptFormat = {
  template: "{prompt} ||",
  endOfTextFirst: true,
  separator: " ",
};

/** Chooses the meanings, the same for every run. */
export const splitSeed = 2021;

/** Part of the data that a run is measured on. */
type E2ePart = "validation" | "test";

/** The study's data, each read once, when first asked for. */
export interface E2eTask {
  /** Folder of the base. */
  readonly base: string;
  /** Its sizes. */
  readonly sizes: E2eSizes;
  /** Digests of the files, for specifications. */
  digests(): Promise<JsonRecord>;
  /** The base's tokenizer. */
  tokenizer(): Promise<Tokenizer>;
  /** Drawn meanings with their references. */
  meanings(part: E2ePart): Promise<readonly E2eMeaning[]>;
  /** Pairs to train on, none twice, as many as so many steps take. */
  training(seed: number, steps: number): Promise<Iterable<Batch>>;
  /** The first reference of each meaning. */
  measured(part: E2ePart): Promise<Iterable<Batch>>;
}

/** The folder that `LOWRANK_DATA` names, if it has the base and the dataset. */
export async function findE2e(): Promise<string | undefined> {
  const data = Deno.env.get("LOWRANK_DATA");
  if (!data) return undefined;
  const needed = [
    archivePath,
    ...["model.safetensors", "config.json", "tokenizer.json"]
      .map((name) => `${basePath}/${name}`),
  ];
  const kinds = await Promise.all(needed.map((file) => kindOf(join(data, file))));
  return kinds.every((kind) => kind === "file") ? data : undefined;
}

/** Opens the dataset in a folder, and the base at a path of it. */
export function openE2e(data: string, sizes: E2eSizes, path: string = basePath): E2eTask {
  const base = join(data, path), archive = join(data, archivePath);
  const digests = lazily(async () => ({
    ...await fileDigests(base, /^(model\.safetensors|config\.json|tokenizer\.json)$/),
    e2e: await fileDigest(archive),
  }));
  const tokenizer = lazily(() => loadTokenizer(base));
  const pairsOf = lazily(async () => (await e2eData("train", archive)).flatMap(textsOf));
  const drawn = {
    validation: lazily(() => drawMeanings("validation", archive, sizes)),
    test: lazily(() => drawMeanings("test", archive, sizes)),
  };
  const meanings = (part: E2ePart) => drawn[part]();
  return {
    ...{ base, sizes, digests, tokenizer, meanings },
    async training(seed, steps) {
      const sampling = { batch: pairs, length: longestPair, examples: pairs * steps, seed, format };
      return bucketed(promptedBatches(await tokenizer(), await pairsOf(), sampling), seed);
    },
    async measured(part) {
      const texts = (await meanings(part)).map((meaning) => textsOf(meaning)[0]);
      return bucketed(promptedBatches(await tokenizer(), texts, { batch: 8, format }), 0);
    },
  };
}

/** Rows of similar length together, of the whole pass. */
const bucketed = (batches: PromptedBatches, seed: number): Iterable<Batch> =>
  bucketBatches(batches, Infinity, seed);

const textsOf = ({ meaning: prompt, references }: E2eMeaning): PromptedText[] =>
  references.map((completion) => ({ prompt, completion }));

async function drawMeanings(
  part: E2ePart,
  archive: string,
  { meanings }: E2eSizes,
): Promise<E2eMeaning[]> {
  const all = await e2eData(part, archive);
  const order = new Random(splitSeed).permutation(all.length).subarray(0, meanings);
  return Array.from(order, (at) => all[at]);
}

/** The method that the others are compared with. */
export const lora = "lora-qv";

/** All that are compared, in the order of the paper's table. */
export const e2eMethods: readonly StudiedMethod[] = [
  {
    ...{ key: "full", label: "full fine-tuning", family: "full", prior: 3e-4 },
    sizes: oneSize("all", { kind: "full" }),
  },
  {
    ...{ key: "adapter-l", label: "small adapters L", family: "adapter", prior: 1e-2 },
    sizes: oneSize("m = 5", { kind: "bottleneck", variant: "lin", size: 5 }),
  },
  {
    ...{ key: "adapter-l-large", label: "large adapters L", family: "adapter", prior: 3e-3 },
    sizes: oneSize("m = 120", { kind: "bottleneck", variant: "lin", size: 120 }),
  },
  {
    ...{ key: "adapter-h-large", label: "large adapters H", family: "adapter", prior: 3e-3 },
    sizes: oneSize("m = 60", { kind: "bottleneck", variant: "houlsby", size: 60 }),
  },
  {
    ...{ key: "top-layers", label: "top layers", family: "full", prior: 1e-3 },
    sizes: oneSize("2 blocks", { kind: "top-layers", layers: 2 }),
  },
  {
    ...{ key: "prefix-layer", label: "prefix-layer", family: "prefix", prior: 1e-1 },
    sizes: oneSize("13 tokens", { kind: "prefix-layer", length: 13 }),
  },
  {
    ...{ key: lora, label: "LoRA (q, v)", family: "LoRA", prior: 3e-3 },
    sizes: oneSize("r = 4", { kind: "lora", rank: 4, alpha: 32, sites: ["q", "v"] }),
  },
];

/** Steps of a reported run, and of one of the search. */
export const e2eSteps = 60, searchSteps = 20;

/** A run of the study. */
interface E2eRun {
  /** Its method. */
  readonly method: StudiedMethod;
  /** Its rate at its highest. */
  readonly learningRate: number;
  /** Its seed. */
  readonly seed: number;
  /** Its steps. */
  readonly steps: number;
  /** The part that it is measured on; on the test set it answers, too. */
  readonly part: E2ePart;
}

/**
 * One run. Its metrics are `loss` (of the first reference of each meaning, nats per token), `trained` (values) and, on
 * the test set, `answers`.
 */
export function planE2e(task: E2eTask, run: E2eRun): PlannedRun<E2eRun> {
  const { method: { label, sizes: [{ spec: method }] }, learningRate, seed, steps, part } = run;
  const warmupSteps = Math.ceil(steps / 20), training = { steps, learningRate, warmupSteps };
  return planRun({
    ...{ label: `${label}, seed ${seed}`, steps, chosen: run },
    spec: async ({ kind: device }) => ({
      model: await task.digests(),
      ...{ method, data: { part, pairs, longestPair, ...task.sizes }, seed, device },
      training: { ...training, schedule: "linear", clipNorm: 1, labelSmoothing: 0.1 },
    }),
    open: (device) => ({
      openModel: () => openBase(device, task),
      openBatches: () => task.training(seed, steps),
      // Runs take a minute or two; the weights of full fine-tuning would take 540 MB each.
      checkpointEvery: steps,
      save: () => Promise.resolve(),
      measure: async (model) => ({
        loss: (await evaluate(model, await task.measured(part))).loss,
        trained: countTrainable(model),
        ...part === "test" && { answers: await answersOf(model, task) },
      }),
    }),
  });
}

/** The base, not adapted. */
export const openBase = (device: Device, { base }: E2eTask): Promise<TextModel> =>
  loadModel(device, base);

/** Prompts that are answered together. */
const together = 24;

/** Answers of a model to the meanings of the test set, decoded greedily. */
export async function answersOf(model: TextModel, task: E2eTask): Promise<string[]> {
  const tokenizer = await task.tokenizer(), { newTokens: maxNewTokens } = task.sizes;
  const prompts = (await task.meanings("test"))
    .map(({ meaning }) => encodePrompt(tokenizer, meaning, format));
  const options = { maxNewTokens, stopToken: tokenizer.endOfText }, made: string[] = [];
  for (let start = 0; start < prompts.length; start += together) {
    const tokens = await continueGreedily(model, prompts.slice(start, start + together), options);
    made.push(...tokens.map((own) => tokenizer.decode(own, { skipSpecialTokens: true }).trim()));
  }
  return made;
}

/** Rates that are tried for every method. */
export const e2eRates = 4;

/**
 * The loss of every rate with every method on meanings of the validation set.
 *
 * @throws {RangeError} when `LOWRANK_DATA` is not a folder with the base and the dataset.
 */
export async function searchE2e(context: RunContext): Promise<JsonRecord> {
  const data = await findE2e();
  if (!data) {
    throw new RangeError(`the search needs LOWRANK_DATA with ${basePath} and ${archivePath}`);
  }
  const task = openE2e(data, e2eSizes), part = "validation" as const;
  return await searchMethods({
    ...{ methods: e2eMethods, count: e2eRates },
    planned: (method, learningRate) =>
      planE2e(task, { method, learningRate, seed, steps: searchSteps, part }),
    read: ({ loss }) => loss,
  }, context);
}
