/** Runs of the intrinsic dimension of a pretrained encoder: subspaces of all its linear weights, and a head. @module */

import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/plan.ts";
import type { PlanContext, PlannedRun } from "../../frame/mod.ts";
import { openSized, openWhole, wholeSizes } from "../../methods/texts/plan.ts";
import { planText, type TextSizes, type TextStudy } from "../../methods/texts/runs.ts";
import { noTextData, type TextTask, textTasks } from "../../methods/texts/tasks.ts";
import { chooseMost, type ChosenRate, type TriedRates } from "../../methods/rates.ts";
import { searchRates } from "../../rate_search.ts";
import found from "./learning_rates.json" with { type: "json" };

/** The tasks: of six labels and of two. */
export const encoderTasks: readonly TextTask[] = textTasks.filter(({ name }) => name !== "SST-2");

/** Dimensions of the subspaces on a task: beyond 256 where 256 does not reach the marks. */
const dimensions: Readonly<Record<string, readonly number[]>> = {
  TREC: [4, 32, 256, 1024],
  SUBJ: [4, 32, 256, 1024, 4096],
};

/** A subspace on a task. */
export interface EncoderArm {
  /** The task. */
  readonly task: TextTask;
  /** d. */
  readonly dimension: number;
}

/** All subspaces, task by task. */
export const encoderArms: readonly EncoderArm[] = encoderTasks.flatMap((task) =>
  dimensions[task.name].map((dimension) => ({ task, dimension }))
);

/** A run of it. */
export interface EncoderRun extends EncoderArm {
  /** The repeat, which chooses the seed; 0 is the search. */
  readonly repeat: number;
  /** Rate. */
  readonly rate: ChosenRate;
}

/** All linear layers of the encoder move in the subspace; the head, which begins as zero, is trained in full. */
const moved = { targetModules: "all-linear", modulesToSave: ["classifier"] } as const;

/** The head's rate. */
const headRate = 0.03;

/** A seed that no other arm, task or study of the encoder has. */
export const encoderSeed = ({ task, dimension }: EncoderArm, repeat: number): number =>
  100_000 * (1 + encoderTasks.indexOf(task)) + 10 * dimension + repeat;

/** `TREC, d = 64`. */
export const encoderName = ({ task, dimension }: EncoderArm): string =>
  `${task.name}, d = ${dimension}`;

/** One run. */
function planEncoder(study: TextStudy, chosen: EncoderRun): PlannedRun<EncoderRun> {
  const { task, dimension, repeat, rate: { learningRate } } = chosen;
  const part = repeat === 0 ? "validation" : "test", seed = encoderSeed(chosen, repeat);
  const method = { spec: { kind: "subspace", dimension, ...moved } as const };
  const run = { task, method, learningRate, headRate, seed, part } as const;
  return { ...planText(study, run, `d = ${dimension}`), chosen };
}

/** The runs of some subspaces, for each seed; none where there is no data. */
export async function planEncoders(
  arms: readonly EncoderArm[],
  { seeds, quick }: PlanContext,
): Promise<PlannedRun<EncoderRun>[]> {
  const study = await openWhole(quick);
  if (!study) return [];
  return seeds.flatMap((repeat) =>
    arms.map((arm) => planEncoder(study, { ...arm, repeat, rate: rateOf(arm) }))
  );
}

// Their rates.

/** The dimensions that are searched, each with its first rates: larger subspaces want lower ones. */
const searched: Readonly<Record<number, readonly number[]>> = {
  64: [0.3, 1, 3],
  1024: [0.1, 0.3, 1],
  4096: [0.1, 0.3, 1],
};

/** The subspace whose rate serves this one: d = 64 up to 256, and beyond it its own. */
const searchedFor = ({ task, dimension }: EncoderArm): EncoderArm => ({
  task,
  dimension: dimension in searched ? dimension : 64,
});

const tried: Readonly<Record<string, TriedRates>> = found.tried;

/** The rate of a subspace, with the end of its grid where it is one. */
const rateOf = (arm: EncoderArm): ChosenRate => chooseMost(tried[encoderName(searchedFor(arm))]);

/** A third of the steps of TREC, half of SUBJ's. */
const searchSizes: Readonly<Record<string, TextSizes>> = {
  TREC: { ...wholeSizes.TREC, passes: 1 },
  SUBJ: { ...wholeSizes.SUBJ, train: wholeSizes.SUBJ.train / 2 },
};

/**
 * Trains a subspace with each rate and returns the accuracies on texts for validation.
 *
 * @throws {RangeError} when `LOWRANK_DATA` is not a folder with the base and the tasks.
 */
export async function searchArm(arm: EncoderArm, context: RunContext): Promise<JsonRecord> {
  const study = await openSized(({ name }) => searchSizes[name]);
  if (!study) throw new RangeError(noTextData);
  const planned = (learningRate: number) =>
    planEncoder(study, { ...arm, repeat: 0, rate: { learningRate } });
  const search = { planned, read: ({ accuracy }: JsonRecord) => accuracy, best: chooseMost };
  const grid = { first: searched[arm.dimension], factor: 3, most: 5 };
  return await searchRates<number>(grid, search, context);
}

/** Searches every rate, task by task. */
export async function searchEncoder(context: RunContext): Promise<JsonRecord> {
  const results: Record<string, JsonRecord> = {};
  for (const task of encoderTasks) {
    for (const dimension of Object.keys(searched).map(Number)) {
      const arm = { task, dimension };
      results[encoderName(arm)] = await searchArm(arm, context);
    }
  }
  return { split: "validation", tried: results };
}
