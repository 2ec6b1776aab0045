/** Runs that train B alone on q and v, on three tasks of the map. @module */

import type { JsonRecord, MethodSpec } from "../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../src/runs/plan.ts";
import type { ChosenRate } from "../methods/rates.ts";
import {
  bestRate,
  forRank,
  liveTasks,
  searchRates,
  type TriedShares,
} from "../skills/needed_rank/runs.ts";
import { planSkill, type SkillRun, skillSteps } from "../skills/runs.ts";
import { type DownstreamTask, taskNamed } from "../skills/tasks.ts";
import found from "./learning_rates.json" with { type: "json" };

/** Ranks of B alone: those of LoRA, and twice those, which train as many values. */
export const halfRanks = [1, 2, 8, 16, 32, 64] as const;

/** `B alone, r = 8`; the key of a rate. */
export const halfName = (rank: number): string => `B alone, r = ${rank}`;

/** LoRA as a method. */
type LoraMethod = Extract<MethodSpec, { kind: "lora" }>;

/** As the map's LoRA on q and v, but that A is frozen. */
export const halfMethod = (rank: number): LoraMethod => ({
  ...{ kind: "lora", rank, alpha: 2 * rank, sites: ["q", "v"], freezeA: true },
});

/** The tasks: one that the base knows by another word, and two far ones. */
export const halfTasks: readonly DownstreamTask[] = liveTasks.map(taskNamed);

/** A seed that no other arm, task or study has: of a repeat, from 1, or of the search, 0. */
function seedOf(task: DownstreamTask, rank: number, repeat: number): number {
  return 4_000_000 + 10_000 * repeat + 100 * (halfTasks.indexOf(task) + 1) + rank;
}

/** Ranks whose rates are searched, those of the map; another has the rate of the one below, by 1/√r. */
export const searchedRanks: readonly number[] = [1, 8, 64];

const rates = found.tried as Readonly<Record<string, Readonly<Record<string, TriedShares>>>>;

/** One training. */
export interface HalfRun extends SkillRun {
  /** r. */
  readonly rank: number;
  /** The repeat, from 1. */
  readonly repeat: number;
  /** Its rate, with the end of the grid that it is, if it is one. */
  readonly rate: ChosenRate;
}

/** Answers that are reported of a task: those of the map. */
const answers = 600;

/** Sizes of a run that shows that everything works. */
const quickSizes = { steps: 2, measured: 20, examples: 64 } as const;

/** Runs of some ranks on some tasks: all of a repeat before the next. */
export const planHalf = (
  ranks: readonly number[],
  tasks: readonly DownstreamTask[],
  repeats: readonly number[],
  quick: boolean,
): PlannedRun<HalfRun>[] =>
  repeats.flatMap((repeat) =>
    tasks.flatMap((task) => ranks.map((rank) => planOne({ task, rank, repeat }, quick)))
  );

function rateOf(task: DownstreamTask, rank: number): ChosenRate {
  const searched = searchedRanks.findLast((one) => one <= rank)!;
  const best = bestRate(rates[task.name][halfName(searched)]);
  return { ...best, learningRate: forRank(best.learningRate, rank / searched) };
}

function planOne(
  { task, rank, repeat }: Pick<HalfRun, "task" | "rank" | "repeat">,
  quick: boolean,
): PlannedRun<HalfRun> {
  const rate = rateOf(task, rank);
  return planSkill<HalfRun>({
    ...{ task, rank, repeat, rate, steps: skillSteps, measured: answers, ...quick && quickSizes },
    ...{ method: halfMethod(rank), learningRate: rate.learningRate },
    ...{ seed: seedOf(task, rank, repeat), split: "test" },
  }, halfName(rank));
}

/** Rates for r = 1 that are tried first; twice the map's, as B has to do all. */
const first = [0.02, 0.04, 0.08];

/** Tries the rates of some ranks on every task, on inputs for validation. */
export async function searchHalf(context: RunContext): Promise<JsonRecord> {
  const tried: Record<string, Record<string, JsonRecord>> = {};
  for (const task of halfTasks) {
    for (const rank of searchedRanks) {
      const planned = (learningRate: number) =>
        planSkill({
          ...{ method: halfMethod(rank), learningRate, steps: skillSteps, task },
          ...{ seed: seedOf(task, rank, 0), split: "validation" },
        }, halfName(rank));
      const grid = { first: first.map((rate) => forRank(rate, rank)), factor: 2, most: 5 };
      (tried[task.name] ??= {})[halfName(rank)] = await searchRates(grid, planned, context);
    }
  }
  return { split: "validation", steps: skillSteps, tried };
}
