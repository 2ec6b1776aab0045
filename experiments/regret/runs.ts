/** Runs of “LoRA without regret”: methods and settings, the search of their rates, and a run of each. @module */

import { fileURLToPath } from "node:url";
import { mean } from "../../src/core/numbers.ts";
import { Random } from "../../src/core/random.ts";
import { factBatch, factKeyLength as keyLength, type GlossSplit } from "../../src/data/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { countTrainable, type TextModel } from "../../src/models/mod.ts";
import type { Json, JsonRecord, MethodSpec, RunSpec } from "../../src/runs/mod.ts";
import type { RunContext } from "../../src/runs/plan.ts";
import { checkedOutCommit } from "../frame/checkout.ts";
import { baseIdentity, loadBase } from "../base_model.ts";
import { type PlannedRun, planRun, type RunOpeners } from "../frame/mod.ts";
import { type GlossData, glossLoss, openGloss } from "../gloss_runs.ts";
import { searchSeed, tryRates } from "../rate_search.ts";
import found from "./learning_rates.json" with { type: "json" };

/** Modules that LoRA adapts. */
type Places = "all" | "attention" | "mlp";

/** A compared method. */
export interface RegretMethod {
  /** Its key in `learning_rates.json` and in the rows. */
  readonly key: string;
  /** Its name in tables and figures. */
  readonly label: string;
  /** The rank of its updates; absent for full fine-tuning. */
  readonly rank?: number;
  /** The method in a run's specification. */
  readonly spec: MethodSpec;
}

/** α at every rank, as in the post. */
export const alpha = 32;

const sites = { all: "all", attention: ["q", "k", "v", "o"], mlp: ["up", "down"] } as const;
const names = { all: "LoRA", attention: "LoRA on attention", mlp: "LoRA on the MLPs" } as const;

/** Every parameter of the model. */
export const full: RegretMethod = {
  key: "full",
  label: "full fine-tuning",
  spec: { kind: "full" },
};

/** LoRA on some of the linear layers. */
export function loraOn(places: Places, rank: number): RegretMethod {
  const spec = { kind: "lora", rank, alpha, sites: sites[places] } as const;
  return { key: `${places}-${rank}`, label: `${names[places]}, r = ${rank}`, rank, spec };
}

/** The ranks of LoRA on all layers. */
const ranks: readonly number[] = [1, 4, 16, 64];

/** LoRA on all layers, at each rank. */
export const onAllLayers: readonly RegretMethod[] = ranks.map((rank) => loraOn("all", rank));

/** Attention alone and the MLPs alone; the first and the last have as many trained values. */
const onSomeLayers: readonly RegretMethod[] = [
  loraOn("attention", 20),
  loraOn("attention", 32),
  loraOn("mlp", 16),
];

/** A method on a task of some size. */
export interface Setting {
  /** WordNet's pairs in small steps, the same pairs in large steps, or invented facts. */
  readonly part: "pairs" | "batch" | "facts";
  /** The trained method. */
  readonly method: RegretMethod;
  /** Pairs in a step, or the number of facts. */
  readonly size: number;
  /** Steps of a run. */
  readonly steps: number;
}

/** Steps of the runs on pairs and on facts. */
export const pairSteps = 120, factSteps = 160;

/** Pairs in a small and in a large step. */
export const pairSize = 8, largeSize = 64;

/** Numbers of facts: few and many. */
export const factCounts = [64, 256] as const;

/** Full fine-tuning, and LoRA on all layers. */
export const everywhere: readonly RegretMethod[] = [full, ...onAllLayers];

/** Every cell of the experiment. */
export const settings: readonly Setting[] = [
  ...[...everywhere, ...onSomeLayers].map((method): Setting => {
    return { part: "pairs", method, size: pairSize, steps: pairSteps };
  }),
  ...[full, loraOn("all", 4), loraOn("all", 64)].map((method): Setting => {
    return { part: "batch", method, size: largeSize, steps: pairSteps * pairSize / largeSize };
  }),
  ...factCounts.flatMap((size) =>
    everywhere.map((method): Setting => {
      return { part: "facts", method, size, steps: factSteps };
    })
  ),
];

/** Settings whose rates are searched: the search with the most facts serves both numbers. */
export const searchedSettings: readonly Setting[] = settings.filter(({ part, size }) =>
  part !== "facts" || size === factCounts[1]
);

/** Losses by seed and rate; `null` where training diverged. */
type TriedLosses = Readonly<Record<string, Readonly<Record<string, number | null>>>>;

/** The key of a setting's search: one with the most facts serves both numbers. */
export const settingKey = ({ part, method, size }: Setting): string =>
  `${part} ${part === "facts" ? factCounts[1] : size} ${method.key}`;

/** A rate with its loss for each seed. */
interface TriedRate {
  /** The rate. */
  readonly rate: number;
  /** One for each seed of the search; infinite where training diverged. */
  readonly losses: readonly number[];
}

/** The tried rates with their losses, rates rising. */
export function triedRates(tried: TriedLosses): TriedRate[] {
  const seeds = Object.values(tried);
  return Object.keys(seeds[0]).map((key) => {
    return { rate: Number(key), losses: seeds.map((losses) => losses[key] ?? Infinity) };
  }).sort((a, b) => a.rate - b.rate);
}

/** The place of the rate with the lowest mean loss; of equals, the lowest rate. */
export function lowestPlace(tried: TriedLosses): number {
  const means = triedRates(tried).map(({ losses }) => mean(losses));
  return means.indexOf(Math.min(...means));
}

/**
 * The rate of each seed's lowest loss between the grid's points: the vertex of the parabola through
 * the three rates around the best of the means, in log₁₀ of the rate, and not outside of them.
 */
export function bestExponents(tried: TriedLosses): number[] {
  const place = lowestPlace(tried), near = triedRates(tried).slice(place - 1, place + 2);
  const x = near.map(({ rate }) => Math.log10(rate));
  return near[0].losses.map((_, seed) => lowestOf(x, near.map(({ losses }) => losses[seed])));
}

/** The lowest point of the parabola through three points, within them. */
function lowestOf([a, b, c]: readonly number[], [u, v, w]: readonly number[]): number {
  if (![u, v, w].every(Number.isFinite)) return v <= Math.min(u, w) ? b : u < w ? a : c;
  const [left, right] = [(v - u) / (b - a), (w - v) / (c - b)];
  const bend = (right - left) / (c - a);
  if (!(bend > 0)) return u < w ? a : c;
  return Math.min(c, Math.max(a, (a + b) / 2 - left / (2 * bend)));
}

const all: Readonly<Record<string, TriedLosses>> = found.tried;

/** The losses that the search found with a setting. */
export const triedWith = (setting: Setting): TriedLosses => all[settingKey(setting)];

/** The rate of a setting's reported runs: the lowest mean loss of the search. */
export function rateOf(setting: Setting): number {
  const tried = triedWith(setting);
  return triedRates(tried)[lowestPlace(tried)].rate;
}

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
const factsEvery = 10;

/** Facts in a step. */
const factBatchSize = 64;

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

/** Seeds of the search of a setting: two where the best rate itself is reported. */
export const searchSeedsOf = ({ part, method }: Setting): readonly number[] =>
  part === "pairs" && everywhere.includes(method) ? [searchSeed, searchSeed + 1] : [searchSeed];

/** The first rates that are tried, as quarters of a decade, and their distance. */
export function firstGrid({ part, method }: Setting): { quarters: number[]; spacing: number } {
  const isFull = method === full;
  if (part === "pairs") {
    const middle = isFull ? -12 : -9;
    return { quarters: [-2, -1, 0, 1, 2].map((away) => middle + away), spacing: 1 };
  }
  return { quarters: [-2, 0, 2].map((away) => (isFull ? -12 : -10) + away), spacing: 2 };
}

/** 10^(quarters / 4), to three digits. */
export const rateAt = (quarters: number): number => Number((10 ** (quarters / 4)).toPrecision(3));

/** Losses of one setting by seed and rate; `lossesAt` gives those of some rates for every seed. */
export async function growGrid(
  { quarters, spacing }: { quarters: readonly number[]; spacing: number },
  lossesAt: (rates: readonly number[]) => Promise<TriedLosses>,
): Promise<TriedLosses> {
  let grid = [...quarters], tried = await lossesAt(grid.map(rateAt));
  while (true) {
    const place = lowestPlace(tried), last = grid.length - 1;
    if (place > 0 && place < last) return tried;
    const added = place === 0 ? grid[0] - spacing : grid[last] + spacing;
    grid = [...grid, added].sort((a, b) => a - b);
    tried = joinTried(tried, await lossesAt([rateAt(added)]));
  }
}

const joinTried = (first: TriedLosses, more: TriedLosses): TriedLosses =>
  Object.fromEntries(
    Object.entries(first).map(([seed, losses]) => [seed, { ...losses, ...more[seed] }]),
  );

/** The loss of every tried rate with every setting and seed, on what no table reports. */
export async function searchRegret(context: RunContext): Promise<JsonRecord> {
  const commit = await checkedOutCommit(fileURLToPath(new URL("../..", import.meta.url)));
  const tried: Record<string, TriedLosses> = {};
  for (const setting of searchedSettings) {
    const ofSeed = (seed: number, rates: readonly number[]) =>
      tryRates(
        rates,
        (learningRate) => planRegret({ setting, learningRate, seed, split: "validation" }, false),
        ({ loss }) => loss,
        context,
      );
    tried[settingKey(setting)] = await growGrid(firstGrid(setting), async (rates) => {
      const losses: Record<string, Record<string, Json>> = {};
      for (const seed of searchSeedsOf(setting)) losses[seed] = await ofSeed(seed, rates);
      return losses as TriedLosses;
    });
  }
  return { split: "validation", commit, tried };
}
