/** Starts and steps of LoRA, each at a rate of its own: the arms, the search of their rates, and their runs. @module */

import { mean } from "../../../src/core/numbers.ts";
import type { JsonRecord, MethodSpec, RunResult } from "../../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../../src/runs/plan.ts";
import { chooseLeast, type ChosenRate } from "../../methods/rates.ts";
import { type RateGrid, searchRates } from "../../rate_search.ts";
import { planSkill, type SkillRun } from "../runs.ts";
import { type DownstreamTask, taskNamed } from "../tasks.ts";
import found from "./learning_rates.json" with { type: "json" };

/** A start, a form or a step of LoRA. */
export interface StartArm extends Pick<SkillRun, "training" | "gradientBatches"> {
  /** Its name, which is the key of its rates. */
  readonly name: string;
  /** Its settings of LoRA. */
  readonly options?: Partial<Extract<MethodSpec, { readonly kind: "lora" }>>;
}

/** The arms; those with `training` begin, and are curved, as plain LoRA is. */
export const startArms: readonly StartArm[] = [
  { name: "LoRA" },
  { name: "rsLoRA", options: { rankStabilized: true } },
  { name: "DoRA", options: { dora: true } },
  { name: "orthonormal", options: { init: "orthonormal" } },
  { name: "PiSSA", options: { init: "pissa" } },
  { name: "OLoRA", options: { init: "olora" } },
  { name: "LoRA-GA", gradientBatches: 8 },
  { name: "LoRA+", training: { loraPlusRatio: 16 } },
  { name: "preconditioned", training: { loraDamping: 1e-2 } },
];

/** The tasks, and steps after which plain LoRA has learned a part: a near one and two far ones. */
export const startTasks: readonly { readonly task: DownstreamTask; readonly steps: number }[] = [
  { task: taskNamed("reverse, new word"), steps: 30 },
  { task: taskNamed("Caesar's cipher +5"), steps: 60 },
  { task: taskNamed("subtraction"), steps: 200 },
];

/** Rank of all arms, on all linear layers. */
export const startRank = 8;

const methodOf = ({ options }: StartArm): MethodSpec => ({
  ...{ kind: "lora", rank: startRank, alpha: 2 * startRank, targetModules: "all-linear" },
  ...options,
});

/** One training. */
export interface StartRun extends SkillRun {
  /** The arm. */
  readonly arm: StartArm;
  /** The repeat, from 1: a reader knows it as the seed. */
  readonly repeat: number;
  /** Its rate, with the end of the grid that it is, if it is one. */
  readonly rate: ChosenRate;
}

/** Searches of each rate: the least mean of their losses is chosen. */
const searches = [1, 2] as const;

/** A seed that no other arm, task or study has: of a repeat, from 1, or of a search, from 101. */
export const startSeed = (task: DownstreamTask, arm: StartArm, repeat: number): number =>
  20_000_000 + 10_000 * repeat + 100 * startTasks.findIndex((one) => one.task === task) +
  startArms.indexOf(arm);

/** Right answers and loss of a rate on texts for validation; `null` where training diverged. */
export type TriedLosses = Readonly<
  Record<string, { readonly exact: number; readonly loss: number } | null>
>;

const tried = found.tried as Readonly<Record<string, Readonly<Record<string, TriedLosses>>>>;

/** Results of the search of an arm on a task. */
export const triedOf = (task: string, arm: string): TriedLosses => tried[task]?.[arm] ?? {};

/** The rate of the least loss. */
export const leastLoss = (tried: TriedLosses): ChosenRate =>
  chooseLeast(
    Object.fromEntries(Object.entries(tried).map(([rate, one]) => [rate, one?.loss ?? null])),
  );

/** An arm's run on a task, at its rate. */
export const methodRun = (task: DownstreamTask, arm: StartArm, repeat: number) => ({
  ...{ task, arm, repeat, method: methodOf(arm), seed: startSeed(task, arm, repeat) },
  ...{ training: arm.training, gradientBatches: arm.gradientBatches },
});

/** Runs of all arms on all tasks, those of a repeat before the next. */
export const planStarts = (
  arms: readonly StartArm[],
  tasks: typeof startTasks,
  { seeds, quick }: { readonly seeds: readonly number[]; readonly quick: boolean },
): PlannedRun<StartRun>[] =>
  seeds.flatMap((repeat) =>
    tasks.flatMap(({ task, steps }) =>
      arms.map((arm) => {
        const rate = leastLoss(triedOf(task.name, arm.name));
        const { learningRate } = rate,
          run = { ...methodRun(task, arm, repeat), rate, learningRate };
        const sizes = {
          steps,
          measured: 600,
          ...quick && { steps: 2, measured: 20, examples: 64 },
        };
        return planSkill<StartRun>({ ...run, ...sizes, split: "test" }, arm.name);
      })
    )
  );

const grid: RateGrid = {
  first: [0.001, 0.002, 0.004, 0.008, 0.016],
  factor: 2,
  most: 9,
  digits: 6,
};

/** Tries the rates of every arm on every task, on inputs for validation. */
export async function searchStarts(
  context: RunContext,
  arms: readonly StartArm[] = startArms,
): Promise<JsonRecord> {
  const tried: Record<string, Record<string, JsonRecord>> = {};
  for (const arm of arms) {
    for (const { task, steps } of startTasks) {
      const planned = (learningRate: number) =>
        together(searches.map((search) =>
          planSkill({
            ...{ ...methodRun(task, arm, 100 + search), learningRate, steps },
            split: "validation",
          }, arm.name)
        ));
      const read = ({ exact, loss }: JsonRecord) => ({ exact, loss });
      (tried[task.name] ??= {})[arm.name] = await searchRates(grid, {
        ...{ planned, read, best: leastLoss },
      }, context);
    }
  }
  return { split: "validation", searches: searches.length, tried };
}

/** Runs as one, with the means of what they measured. */
const together = (runs: readonly PlannedRun[]): PlannedRun => ({
  ...runs[0],
  make: async (context) => {
    const made: RunResult[] = [];
    for (const run of runs) made.push(await run.make(context));
    const meanOf = (name: string) => mean(made.map(({ metrics }) => Number(metrics[name])));
    return { ...made[0], metrics: { exact: meanOf("exact"), loss: meanOf("loss") } };
  },
});
