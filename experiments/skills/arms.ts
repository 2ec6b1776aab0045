/** Studies of other arms on tasks of the map: their runs, the search of their rates, and a row of each. @module */

import type { JsonRecord, MethodSpec } from "../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../src/runs/plan.ts";
import type { ChosenRate } from "../methods/rates.ts";
import type { RateGrid } from "../rate_search.ts";
import type { MadeRun } from "../frame/mod.ts";
import { liveTasks, planReported, searchShares } from "./needed_rank/runs.ts";
import { planSkill, type SkillRun, skillSteps } from "./runs.ts";
import { type DownstreamTask, taskNamed } from "./tasks.ts";

/** Arms that are trained as those of the map are: the same base, texts, steps and answers. */
export interface ArmStudy<Arm> {
  /** An arm's name, which is the key of its rate. */
  nameOf(arm: Arm): string;
  /** Its method. */
  methodOf(arm: Arm): MethodSpec;
  /** A seed that no other arm, task or study has: of a repeat, from 1, or of the search, 0. */
  seedOf(task: DownstreamTask, arm: Arm, repeat: number): number;
  /** The rate that its search chose on a task. */
  rateOf(task: DownstreamTask, arm: Arm): ChosenRate;
  /** The rates that its search tries. */
  gridOf(arm: Arm): RateGrid;
}

/** The tasks of the studies: one that the base knows by another word, and two far ones. */
export const studiedTasks: readonly DownstreamTask[] = liveTasks.map(taskNamed);

/** One training. */
export interface ArmRun<Arm> extends SkillRun {
  /** The arm. */
  readonly arm: Arm;
  /** The repeat, from 1. */
  readonly repeat: number;
  /** Its rate, with the end of the grid that it is, if it is one. */
  readonly rate: ChosenRate;
}

/** Runs of some arms on some tasks: all of a repeat before the next. */
export const planArms = <Arm>(
  study: ArmStudy<Arm>,
  arms: readonly Arm[],
  tasks: readonly DownstreamTask[],
  { seeds, quick }: { readonly seeds: readonly number[]; readonly quick: boolean },
): PlannedRun<ArmRun<Arm>>[] =>
  seeds.flatMap((repeat) =>
    tasks.flatMap((task) =>
      arms.map((arm) => {
        const own = { task, arm, repeat, rate: study.rateOf(task, arm), steps: skillSteps };
        const method = study.methodOf(arm), seed = study.seedOf(task, arm, repeat);
        return planReported({ ...own, method, seed }, study.nameOf(arm), quick);
      })
    )
  );

/** Tries the rates of some arms on every task, on inputs for validation. */
export async function searchArms<Arm>(
  study: ArmStudy<Arm>,
  arms: readonly Arm[],
  context: RunContext,
): Promise<JsonRecord> {
  const tried: Record<string, Record<string, JsonRecord>> = {};
  for (const task of studiedTasks) {
    for (const arm of arms) {
      const name = study.nameOf(arm), method = study.methodOf(arm);
      const own = { method, task, seed: study.seedOf(task, arm, 0), split: "validation" } as const;
      const planned = (learningRate: number) =>
        planSkill({ ...own, learningRate, steps: skillSteps }, name);
      (tried[task.name] ??= {})[name] = await searchShares(study.gridOf(arm), planned, context);
    }
  }
  return { split: "validation", steps: skillSteps, tried };
}

/** The result of a training. */
export interface ArmRow {
  /** The task's name. */
  readonly task: string;
  /** The repeat. */
  readonly seed: number;
  /** Rate. */
  readonly learningRate: number;
  /** The end of the search's grid that it is, if it is one. */
  readonly end?: string;
  /** Trained values. */
  readonly trained: number;
  /** Right answers, in percent. */
  readonly right: number;
  /** Nats per character of the answers. */
  readonly loss: number;
  /** Answers that were measured. */
  readonly texts: number;
}

/** The row of a training. */
export function armRow<Arm>({ chosen, metrics }: MadeRun<ArmRun<Arm>>): ArmRow {
  const { task, repeat, rate } = chosen;
  const { exact, loss, texts, trained } = metrics as Record<string, number>;
  return { task: task.name, seed: repeat, ...rate, trained, right: 100 * exact, loss, texts };
}

/** Columns of such rows, after those that name the arm. */
export const armColumns = [
  ["seed", "seed", "count"],
  ["learningRate", "rate", "number"],
  ["end", "end of the grid", "text"],
  ["trained", "trained values", "count"],
  ["right", "right (%)", "percent"],
  ["loss", "nats per character", "nats"],
  ["texts", "answers", "count"],
] as const;
