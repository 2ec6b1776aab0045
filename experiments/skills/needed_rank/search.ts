/** The search of the map's rates. @module */

import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../../src/runs/plan.ts";
import { tryRates } from "../../rate_search.ts";
import { planSkill, skillSteps } from "../runs.ts";

import {
  type Arm,
  armKey,
  armName,
  armSeed,
  type Cell,
  type Line,
  mapCells,
  methodOf,
} from "./arms.ts";
import { bestRate, forRank, rateRank, rateTask, type Tried } from "./rates.ts";

/** Rates for r = 1 that are tried first. */
const firstRates: Readonly<Record<Line, readonly number[]>> = {
  qv: [0.01, 0.02, 0.04],
  all: [0.005, 0.01, 0.02],
  full: [1e-3, 2e-3, 4e-3],
  bitfit: [0.01, 0.02, 0.04],
};

/** Most rates that are tried, and a share of right answers beyond which no other is. */
const mostRates = 5, plenty = 0.99;

/** The cells whose rates are searched: those of 300 steps that no other serves. */
export const searchedCells: readonly Cell[] = mapCells.filter(({ task, arm }) =>
  arm.steps === undefined && rateTask(task) === task.name &&
  (arm.rank === undefined || rateRank({ task, arm }) === arm.rank)
);

/** What every rate gave on inputs for validation, by task and arm. */
export async function searchNeededRank(context: RunContext): Promise<JsonRecord> {
  const tried: Record<string, Record<string, JsonRecord>> = {};
  for (const { task, arm } of searchedCells) {
    const name = arm.base === "untrained" ? `untrained, ${task.name}` : task.name;
    const planned = (learningRate: number) => planSearched({ task, arm }, learningRate);
    (tried[name] ??= {})[armKey(arm)] = await tryOn(arm, planned, context);
  }
  return { split: "validation", steps: skillSteps, tried };
}

const planSearched = ({ task, arm }: Cell, learningRate: number): PlannedRun =>
  planSkill({
    ...{ method: methodOf(arm), learningRate, steps: skillSteps, seed: armSeed(arm, 0) },
    ...{ task, split: "validation", base: arm.base },
  }, armName(arm));

/** The first rates, then one beyond the best as long as that is an end and not nearly all is right. */
async function tryOn(
  arm: Arm,
  planned: (learningRate: number) => PlannedRun,
  context: RunContext,
): Promise<JsonRecord> {
  const read = ({ exact, loss }: JsonRecord) => ({ exact, loss });
  const rates = (ones: readonly number[]) => tryRates(ones, planned, read, context);
  const first = firstRates[arm.line].map((rate) => forRank(rate, arm.rank ?? 1));
  let tried = await rates(first);
  for (let count = first.length; count < mostRates; count++) {
    const { learningRate, end } = bestRate(tried as Tried);
    if (end === undefined || (tried as Tried)[learningRate]!.exact >= plenty) break;
    const next = Number((learningRate * (end === "highest" ? 2 : 0.5)).toPrecision(3));
    tried = { ...tried, ...await rates([next]) };
  }
  return tried;
}
