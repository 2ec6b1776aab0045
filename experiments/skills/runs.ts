/** Runs on the base with skills: a method, a rate and a seed on one task, and how they change the weights. @module */

import { selectSites, type Site } from "../../src/adapt/mod.ts";
import {
  energyRank,
  type LowRankFactors,
  matrixFactors,
  updateSvd,
} from "../../src/analysis/mod.ts";
import { lazily } from "../../src/core/numbers.ts";
import type { HostTensor } from "../../src/core/tensor.ts";
import { indicesOf } from "../../src/core/update.ts";
import {
  type PromptedBatches,
  promptedBatches,
  type PromptedText,
  skillTexts,
} from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { gather } from "../../src/formats/peft/comparable.ts";
import { largeFrobeniusNorm } from "../../src/linalg/mod.ts";
import {
  countTrainable,
  exactOn,
  initGpt2,
  loadModel,
  parseGpt2Config,
  type TextModel,
} from "../../src/models/mod.ts";
import type { Json, JsonRecord, MethodSpec } from "../../src/runs/mod.ts";
import { canonicalJson, fileDigests, sha256 } from "../../src/storage/digest.ts";
import { readJson } from "../../src/storage/files.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { evaluate } from "../../src/train/mod.ts";
import { type PlannedRun, planRun, type RunOpeners } from "../frame/mod.ts";
import { ownModels } from "../own_models.ts";
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

/** The update of one module. */
export interface UpdateReading {
  /** `transformer.h.0.attn.c_attn:q`. */
  readonly module: string;
  /** ‖ΔW‖ / ‖W‖. */
  readonly size: number;
  /** Directions that hold 90% of ‖ΔW‖². */
  readonly directions: number;
  /** The first right-singular vector of A, as in the paper's Figure 3; absent where there is no A. */
  readonly ofA?: readonly number[];
  /** The first right-singular vector of ΔW, in its input. */
  readonly input: readonly number[];
  /** The first left-singular vector of ΔW, in its output. */
  readonly output: readonly number[];
}

/** The weights of q and v before training, by module. */
type WeightsBefore = ReadonlyMap<string, HostTensor>;

const sitesOf = (model: TextModel): Site[] => selectSites(model, { sites: ["q", "v"] });

/** Reads the weights of q and v. */
async function readWeights(model: TextModel): Promise<WeightsBefore> {
  const weights = new Map<string, HostTensor>();
  for (const { name, linear, rows } of sitesOf(model)) {
    const dense = linear.weight.dense(), [whole] = await model.device.read(dense);
    dense[Symbol.dispose]();
    weights.set(name, gather(whole, indicesOf(rows)));
  }
  return weights;
}

/** The updates of q and v, of LoRA or of the weights themselves; none of a module that is as it was. */
async function readUpdates(
  model: TextModel,
  before: WeightsBefore,
): Promise<UpdateReading[]> {
  const after = await readWeights(model), readings: UpdateReading[] = [];
  for (const site of sitesOf(model)) {
    const weight = before.get(site.name)!, lowRank = await factorsOf(model, site);
    const factors = lowRank ?? matrixFactors(changeOf(weight, after.get(site.name)!));
    const { left, values, right } = updateSvd(factors), size = normOf(values);
    if (size === 0) continue;
    readings.push({
      module: site.name,
      size: size / normOf(weight.data),
      directions: energyRank(values, 0.9),
      ...lowRank && { ofA: firstRow(updateSvd(matrixFactors(lowRank.A)).right.data, weight) },
      input: firstRow(right.data, weight),
      output: rounded(left.data.subarray(0, left.columns)),
    });
  }
  return readings;
}

/** A and B of a site, where it has LoRA. */
async function factorsOf(
  { device }: TextModel,
  { linear, rows }: Site,
): Promise<LowRankFactors | undefined> {
  const [start] = indicesOf(rows);
  const own = linear.adaptations.map(({ lowRank }) => lowRank)
    .find((lowRank) => lowRank && indicesOf(lowRank.rows)[0] === start);
  if (!own) return undefined;
  const [A, B] = await device.read(own.A.tensor, own.B.tensor);
  return { A, B, scaling: own.scaling };
}

const changeOf = ({ shape, data }: HostTensor, after: HostTensor): HostTensor => ({
  shape,
  data: Float32Array.from(data, (value, at) => after.data[at] - value),
});

const normOf = (values: ArrayLike<number>): number =>
  largeFrobeniusNorm({ rows: 1, columns: values.length, data: Float64Array.from(values) });

const firstRow = (data: Float64Array, { shape: [, width] }: HostTensor) =>
  rounded(data.subarray(0, width));

/** Digits of a direction that a similarity needs. */
const rounded = (values: Float64Array): number[] =>
  Array.from(values, (value) => Number(value.toFixed(5)));

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
}

/**
 * One run. Its metrics are `exact` (the share of the texts whose answer is right to its end, from 0 to 1), `loss` (nats
 * per character of the answers), `texts` (how many were measured), `trained` (values) and `updates` (of q and v, where
 * they have any: {@link readUpdates}).
 *
 * @param name The method's, for the progress bar.
 */
export function planSkill<Chosen extends SkillRun>(
  chosen: Chosen,
  name: string,
): PlannedRun<Chosen> {
  const { method, learningRate, steps, seed, task, base = "trained" } = chosen;
  return planRun<Chosen>({
    ...{ label: `${task.name}, ${name}, seed ${seed}`, steps, chosen },
    open: (device) => openersOf(chosen, device),
    spec: async ({ kind: device }) => ({
      model: await skillsIdentity(base),
      ...{ method, data: await dataOf(chosen), seed, device },
      training: { learningRate, steps, schedule: "linear", warmupSteps: Math.ceil(steps / 30) },
    }),
  });
}

/** Names the texts by their hash: a task that changes makes other runs. */
async function dataOf(chosen: SkillRun): Promise<Record<string, string | number>> {
  const { task: { name: task }, split } = chosen, texts = textsOf(chosen);
  const sha = await sha256(new TextEncoder().encode(canonicalJson(texts)));
  return { task, split, batch: skillBatch, sha256: sha };
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

function openersOf(chosen: SkillRun, device: Device): RunOpeners<TextModel> {
  const { base = "trained", seed, steps } = chosen, { train, measured } = textsOf(chosen);
  let before: WeightsBefore;
  return {
    openModel: async () => {
      const model = await openSkillsBase(device, base, seed);
      before = await readWeights(model);
      return model;
    },
    openBatches: () => trainingBatches(train, seed),
    // Runs take seconds; what they show is in their metrics.
    checkpointEvery: steps,
    save: () => Promise.resolve(),
    measure: async (model) => ({
      ...await scoreTexts(model, measured),
      trained: countTrainable(model),
      updates: await readUpdates(model, before) as unknown as Json,
    }),
  };
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
