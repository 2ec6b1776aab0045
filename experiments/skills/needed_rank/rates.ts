/** The rates of the map: what the search found, and what serves which task. @module */

import type { DownstreamTask } from "../tasks.ts";
import { type Arm, armKey, type Cell } from "./arms.ts";
import found from "./learning_rates.json" with { type: "json" };

/** What a rate gave on the texts to choose by; `null` where training diverged. */
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
export function rateTask({ name, level, moved = 0 }: DownstreamTask): string {
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
