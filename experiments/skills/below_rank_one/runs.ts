/** Runs with fewer trained values than LoRA of rank 1: cores between singular vectors, on three tasks of the map. @module */

import type { JsonRecord, MethodSpec } from "../../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../../src/runs/plan.ts";
import type { ChosenRate } from "../../methods/rates.ts";
import { bestRate, liveTasks, searchRates, type TriedShares } from "../needed_rank/runs.ts";
import { planSkill, type SkillRun, skillSteps } from "../runs.ts";
import { type DownstreamTask, taskNamed } from "../tasks.ts";
import found from "./learning_rates.json" with { type: "json" };

/** A method with fewer values than LoRA of rank 1. */
export interface SmallArm {
  /** The method, as a reader sees it. */
  readonly method: "LoRA-XS" | "TinyLoRA";
  /** Rank of the cores. */
  readonly rank: number;
  /** Values of TinyLoRA's one vector. */
  readonly values?: number;
}

/** The arms of a task. */
export const smallArms: readonly SmallArm[] = [
  ...[1, 2, 4, 8, 16, 32].map((rank) => ({ method: "LoRA-XS", rank } as const)),
  ...[[1, 2], [13, 2], [100, 8], [900, 16]].map(([values, rank]) =>
    ({ method: "TinyLoRA", rank, values }) as const
  ),
];

/** `LoRA-XS, r = 8`, `TinyLoRA of 13 values`; the key of a rate. */
export const smallName = ({ method, rank, values }: SmallArm): string =>
  values === undefined ? `${method}, r = ${rank}` : `${method} of ${values} values`;

/** The method on all linear layers. */
function methodOf({ rank, values }: SmallArm): MethodSpec {
  const shared = { kind: "tinylora", rank, targetModules: "all-linear" } as const;
  return values === undefined
    ? { ...shared, core: "entries" }
    : { ...shared, vectorSize: values, weightTying: 1 };
}

/** The tasks. */
export const smallTasks: readonly DownstreamTask[] = liveTasks.map(taskNamed);

/** A seed that no other arm, task or study has: of a repeat, from 1, or of the search, 0. */
function seedOf(task: DownstreamTask, arm: SmallArm, repeat: number): number {
  const own = 100 * (smallTasks.indexOf(task) + 1) + smallArms.indexOf(arm);
  return 3_000_000 + 10_000 * repeat + own;
}

const rates = found.tried as Readonly<Record<string, Readonly<Record<string, TriedShares>>>>;

/** One training. */
export interface SmallRun extends SkillRun {
  /** The method. */
  readonly arm: SmallArm;
  /** The repeat, from 1. */
  readonly repeat: number;
  /** Its rate, with the end of the grid that it is, if it is one. */
  readonly rate: ChosenRate;
}

/** Answers that are reported of a task: those of the map. */
const answers = 600;

/** Sizes of a run that shows that everything works. */
const quickSizes = { steps: 2, measured: 20, examples: 64 } as const;

/** Runs of some arms on some tasks: all of a repeat before the next. */
export const planSmall = (
  arms: readonly SmallArm[],
  tasks: readonly DownstreamTask[],
  repeats: readonly number[],
  quick: boolean,
): PlannedRun<SmallRun>[] =>
  repeats.flatMap((repeat) =>
    tasks.flatMap((task) => arms.map((arm) => planOne({ task, arm, repeat }, quick)))
  );

function planOne(
  { task, arm, repeat }: Pick<SmallRun, "task" | "arm" | "repeat">,
  quick: boolean,
): PlannedRun<SmallRun> {
  const rate = bestRate(rates[task.name][smallName(arm)]);
  return planSkill<SmallRun>({
    ...{ task, arm, repeat, rate, steps: skillSteps, measured: answers, ...quick && quickSizes },
    ...{ method: methodOf(arm), learningRate: rate.learningRate },
    ...{ seed: seedOf(task, arm, repeat), split: "test" },
  }, smallName(arm));
}

/** The rates that are tried first, and the most. */
const grid = { first: [0.01, 0.03, 0.1], factor: 3, most: 6 } as const;

/** Tries the rates of every arm on every task, on inputs for validation. */
export async function searchSmall(context: RunContext): Promise<JsonRecord> {
  const tried: Record<string, Record<string, JsonRecord>> = {};
  for (const task of smallTasks) {
    for (const arm of smallArms) {
      const planned = (learningRate: number) =>
        planSkill({
          ...{ method: methodOf(arm), learningRate, steps: skillSteps, task },
          ...{ seed: seedOf(task, arm, 0), split: "validation" },
        }, smallName(arm));
      (tried[task.name] ??= {})[smallName(arm)] = await searchRates(grid, planned, context);
    }
  }
  return { split: "validation", steps: skillSteps, tried };
}
