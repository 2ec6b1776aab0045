/** The rates of the map: their search, and the rate that serves a cell. @module */

import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../../src/runs/plan.ts";
import { tryRates } from "../../rate_search.ts";
import { planSkill, skillSteps } from "../runs.ts";
import type { DownstreamTask } from "../tasks.ts";
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
import found from "./learning_rates.json" with { type: "json" };

/** Right answers and loss of each rate on the texts to choose by; `null` where training diverged. */
export type Tried = Readonly<Record<string, { exact: number; loss: number } | null>>;

/** A rate that was chosen. */
export interface MapRate {
  /** The rate. */
  readonly learningRate: number;
  /** The end of what was tried that it is, if it is one: a rate beyond may be better. */
  readonly end?: "lowest" | "highest";
}

/** The highest share of right answers; of equals, the lowest loss. */
export function bestRate(tried: Tried): MapRate {
  const rates = Object.keys(tried).map(Number).sort((a, b) => a - b);
  const of = (rate: number) => tried[rate] ?? { exact: -1, loss: Infinity };
  const isBetter = (one: number, other: number) =>
    of(one).exact > of(other).exact ||
    of(one).exact === of(other).exact && of(one).loss < of(other).loss;
  const learningRate = rates.reduce((best, next) => isBetter(next, best) ? next : best);
  if (learningRate === rates[0]) return { learningRate, end: "lowest" };
  return learningRate === rates.at(-1) ? { learningRate, end: "highest" } : { learningRate };
}

/** Tasks whose rates are searched. */
const searchedTasks = [
  "reverse, new word",
  "Caesar's cipher +5",
  "subtraction",
  "256 facts",
  "random alphabet",
];

/** Ranks that are searched on a line; another has the rate of the one below, by 1/√r. */
const searchedRanks: Readonly<Record<"qv" | "all", readonly number[]>> = {
  qv: [1, 8, 64],
  all: [1, 16],
};

/** Ranks of q and v where those below 8 are searched as well: what r = 1 has right there is too little to tell a rate. */
const closely = [1, 2, 4, 8, 64], closelySearched = ["Caesar's cipher +5", "random alphabet"];

/** The task whose rates serve a task: its own, or those of one that is about as far. */
function rateTask({ name, level, moved = 0 }: DownstreamTask): string {
  const own = searchedTasks.find((one) => name.startsWith(one));
  if (own) return own;
  return moved > 0 || level === 4 ? "random alphabet" : "reverse, new word";
}

/** The searched rank whose rate serves a cell; an untrained base has its own. */
export function rateRank({ task, arm: { line, rank = 1, base } }: Cell): number {
  if (line === "full" || line === "bitfit" || base === "untrained") return rank;
  const isClose = line === "qv" && closelySearched.includes(rateTask(task));
  return (isClose ? closely : searchedRanks[line]).findLast((one) => one <= rank)!;
}

/** A rate for a rank, of a rate for r = 1. */
export const forRank = (rate: number, rank: number): number =>
  Number((rate / Math.sqrt(rank)).toPrecision(3));

const rates = found.tried as Readonly<Record<string, Readonly<Record<string, Tried>>>>;

/** The rate of an arm on a task. Those of 300 steps serve 100 and 900. */
export function mapRateOf(task: DownstreamTask, arm: Arm): MapRate {
  const searched = { ...arm, rank: arm.rank && rateRank({ task, arm }) };
  const base = arm.base === "untrained" ? "untrained, " : "";
  const best = bestRate(rates[base + rateTask(task)][armKey(searched)]);
  if (searched.rank === arm.rank) return best;
  const learningRate = forRank(best.learningRate, arm.rank! / searched.rank!);
  return { ...best, learningRate };
}

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

/** Tries the rates of every searched cell on inputs for validation; the results are by task and arm. */
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
