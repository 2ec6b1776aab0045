/** Methods that classify texts, the sizes of their runs, and the search of their rates (decision 0057). @module */

import type { Json, JsonRecord, MethodSpec } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/plan.ts";
import type { PlannedRun } from "../../frame/mod.ts";
import { tryRates } from "../../rate_search.ts";
import { searchedMethods, triedOf } from "../chosen.ts";
import { type ChosenMethod, oneSize, type StudiedMethod } from "../comparison.ts";
import { chooseMost, type ChosenRate, rateBeyond, ratesAround, type TriedRates } from "../rates.ts";
import found from "./learning_rates.json" with { type: "json" };
import { openStudy, planText, type TextSizes, type TextStudy } from "./runs.ts";
import { findTextData, type TextTask, textTasks } from "./tasks.ts";

const training = { batch: 32, warmup: 0.06 };

/** All texts of a task: three passes over the smallest, so that each has from 235 to 459 steps. */
export const wholeSizes: Readonly<Record<string, TextSizes>> = {
  TREC: { ...training, train: 4881, validation: 500, test: 490, passes: 3 },
  SUBJ: { ...training, train: 7500, validation: 500, test: 2000, passes: 1 },
  "SST-2": { ...training, train: 6911, validation: 872, test: 1819, passes: 2 },
};

/** Passes of the search: one fewer. */
const searchPasses = (sizes: TextSizes) => ({ ...sizes, passes: sizes.passes - 1 });

/** Sizes of a quick run. */
const quickly = (sizes: TextSizes): TextSizes => ({
  ...sizes,
  ...{ train: 32, validation: 32, test: 32, passes: 1 },
});

const isTask = (wanted: string) => ({ name }: TextTask) => name === wanted;

/** The tasks that rates are searched on. */
export const searchedTasks: readonly TextTask[] = textTasks.filter(({ name }) => name !== "SUBJ");

/** The task of the study of few examples. */
export const fewTask: TextTask = textTasks.find(isTask("SST-2"))!;

/** Few examples, and passes over them: with 1,000 as many steps as the search has with all. */
export const fewPasses: Readonly<Record<number, number>> = { 100: 40, 1000: 7 };

/** The base and the tasks in these sizes, if `LOWRANK_DATA` has them. */
export async function openSized(sizesOf: TextStudy["sizesOf"]): Promise<TextStudy | undefined> {
  const data = await findTextData();
  return data === undefined ? undefined : openStudy(data, sizesOf);
}

/** All texts, for reported runs. */
export const openWhole = (quick: boolean): Promise<TextStudy | undefined> =>
  openSized(({ name }) => quick ? quickly(wholeSizes[name]) : wholeSizes[name]);

/** All texts, for the search. */
const openSearched = (): Promise<TextStudy | undefined> =>
  openSized(({ name }) => searchPasses(wholeSizes[name]));

/** So many texts of a task, of which the same number draws others. */
export const openFew = (
  examples: number,
  draw: number,
  quick: boolean,
): Promise<TextStudy | undefined> =>
  openSized(({ name }) => {
    const sizes = { ...wholeSizes[name], train: examples, passes: fewPasses[examples], draw };
    return quick ? quickly(sizes) : sizes;
  });

/** The head is new, and trained in full beside every method. */
const modulesToSave = ["classifier"];

const adapters = (
  letter: "h" | "p" | "d",
  spec: Omit<Extract<MethodSpec, { kind: "bottleneck" }>, "kind">,
): StudiedMethod => ({
  ...{ key: `adapter-${letter}`, label: `adapters ${letter.toUpperCase()}`, family: "adapter" },
  prior: 3e-3,
  sizes: oneSize(`m = ${spec.size}`, { kind: "bottleneck", ...spec, modulesToSave }),
});

const prefix = (kind: "prefix-embedding" | "prefix-layer"): StudiedMethod => ({
  ...{ key: kind, label: kind, family: "prefix", prior: 3e-2 },
  sizes: oneSize("8 tokens", { kind, length: 8, modulesToSave }),
});

/** LoRA on q and v; α = r. */
const lora = (key: string, label: string, rank: number, prior: number): StudiedMethod => ({
  ...{ key, label, family: "LoRA", prior },
  sizes: oneSize(`r = ${rank}`, {
    ...{ kind: "lora", rank, alpha: rank, sites: ["q", "v"], modulesToSave },
  }),
});

/**
 * All that are compared, in the order of the tables: LoRA at r = 8, the paper's rank for RoBERTa (table 9), trains
 * 73,728 values besides the head, and the others as many where they can (decision 0057).
 */
export const textMethods: readonly StudiedMethod[] = [
  {
    ...{ key: "full", label: "full fine-tuning", family: "full", prior: 1e-4 },
    sizes: oneSize("all", { kind: "full" }),
  },
  lora("lora-qv", "LoRA (q, v)", 8, 3e-3),
  lora("lora-qv-1", "LoRA (q, v), r = 1", 1, 1e-2),
  {
    ...{ key: "bitfit", label: "BitFit", family: "biases", prior: 3e-3 },
    sizes: oneSize("biases", { kind: "bitfit", modulesToSave }),
  },
  adapters("h", { variant: "houlsby", size: 8 }),
  adapters("p", { variant: "pfeiffer", size: 16 }),
  adapters("d", { variant: "drop", size: 32, leaveOut: [0, 1, 2] }),
  prefix("prefix-embedding"),
  prefix("prefix-layer"),
];

/** The name of a method in tables. */
export const labelOf = (wanted: string): string =>
  textMethods.find(({ key }) => key === wanted)!.label;

/** Methods of table 16. */
export const fewMethods: readonly StudiedMethod[] = textMethods.filter(({ key }) =>
  ["full", "lora-qv", "prefix-embedding", "prefix-layer"].includes(key)
);

/** No two methods share a seed: the second of the third method is 302. */
export const ownSeed = ({ key }: Pick<StudiedMethod, "key">, seed: number): number =>
  100 * (1 + textMethods.findIndex((method) => method.key === key)) + seed;

/** Rates that are tried for every method; where the best is at an end, one more beyond it. */
export const textRates = 3;

/** Place of the search among a method's seeds, and among the draws: reported ones count up from 1. */
const searchSeed = 0;

/** The fewest examples, at which rates are searched, too. */
export const fewest = 100;

/** The name of what was searched there. */
export const fewSearch = `${fewTask.name}, ${fewest} texts`;

/**
 * The accuracy of every rate with every method on each of the searched tasks, on the texts to choose by, and with
 * the fewest examples.
 *
 * @throws {RangeError} when `LOWRANK_DATA` is not a folder with the base and the tasks.
 */
export async function searchTexts(context: RunContext): Promise<JsonRecord> {
  const [study, few] = await Promise.all([openSearched(), openFew(fewest, searchSeed, false)]);
  if (!study || !few) {
    throw new RangeError("the search needs LOWRANK_DATA with the study's base and tasks");
  }
  const tasks: Record<string, JsonRecord> = {};
  for (const task of searchedTasks) {
    tasks[task.name] = await searchOn(study, task, textMethods, context);
  }
  tasks[fewSearch] = await searchOn(few, fewTask, fewMethods, context);
  return { split: "validation", seed: searchSeed, tasks };
}

async function searchOn(
  study: TextStudy,
  task: TextTask,
  methods: readonly StudiedMethod[],
  context: RunContext,
): Promise<JsonRecord> {
  const found: Record<string, JsonRecord> = {};
  for (const method of methods) {
    const { label, sizes: [{ spec }] } = method, seed = ownSeed(method, searchSeed);
    const planned = (learningRate: number) =>
      planText(study, { task, method: { spec }, learningRate, seed, part: "validation" }, label);
    const tryAll = (rates: readonly number[]) =>
      tryRates(rates, planned, ({ accuracy }) => accuracy, context);
    found[method.key] = await withOneBeyond(ratesAround(method.prior, textRates), tryAll);
  }
  return found;
}

/** Accuracy of the rates and, where the best of them is at an end, of the next one beyond. */
async function withOneBeyond(
  rates: readonly number[],
  tryAll: (rates: readonly number[]) => Promise<Record<string, Json>>,
): Promise<Record<string, Json>> {
  const tried = await tryAll(rates), best = chooseMost(tried as TriedRates);
  return best.end ? { ...tried, ...await tryAll(rateBeyond(best)) } : tried;
}

const tasks: Readonly<Record<string, Readonly<Record<string, TriedRates>>>> = found.tasks;

/** Rates that were tried on a task, or with few examples. */
const triedOn = (name: string) => ({ tried: tasks[name] ?? {} });

/** The rate with the highest accuracy on the texts to choose by. */
const rateOn = (name: string, method: StudiedMethod): ChosenRate =>
  chooseMost(triedOf(triedOn(name), method, textRates));

/** SUBJ has no search and takes the rates of SST-2: two labels, sentences on films, as many steps. */
export const textRateOf = ({ name }: TextTask, method: StudiedMethod): ChosenRate =>
  rateOn(name in tasks ? name : fewTask.name, method);

/** The fewest examples have a search of their own; more take the rates of all, with as many steps. */
export const fewRateOf = (examples: number, method: StudiedMethod): ChosenRate =>
  rateOn(examples === fewest ? fewSearch : fewTask.name, method);

const onTrec = searchedMethods(triedOn("TREC"), textMethods, textRates);

/** The methods with rates on all tasks. */
export const searched: readonly StudiedMethod[] =
  searchedMethods(triedOn(fewTask.name), onTrec.searched, textRates).searched;

/** Methods with rates at the fewest examples, too. */
export const fewSearched: readonly StudiedMethod[] = searchedMethods(
  triedOn(fewSearch),
  searched.filter((method) => fewMethods.includes(method)),
  textRates,
)
  .searched;

/** A method at a rate, on a task. */
export interface ChosenText extends ChosenMethod {
  /** The task. */
  readonly task: TextTask;
}

/** A reported run: the method's n-th seed is its own. */
export function planReported(
  study: TextStudy,
  task: TextTask,
  chosen: ChosenMethod,
): PlannedRun<ChosenText> {
  const { method, size: { spec }, learningRate } = chosen, seed = ownSeed(method, chosen.seed);
  const run = { task, method: { spec }, learningRate, seed, part: "test" } as const;
  return { ...planText(study, run, method.label), chosen: { ...chosen, task } };
}
