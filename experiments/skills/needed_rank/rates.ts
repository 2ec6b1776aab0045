/** The rates of the map: what the search found, and what serves which task. @module */

import type { DownstreamTask } from "../tasks.ts";
import { type Arm, armKey } from "./arms.ts";
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

/** Tasks whose rates are searched; the others have those of the first that is as far, or moves as many letters. */
export const searchedTasks = [
  "reverse, new word",
  "reverse, then upper case",
  "Caesar's cipher +5",
  "subtraction",
  "256 facts",
  "random alphabet",
] as const;

/** Tasks whose rates on all linear layers are searched. */
export const searchedOnAll: readonly string[] = [
  "reverse, new word",
  "Caesar's cipher +5",
  "subtraction",
  "256 facts",
  "random alphabet",
];

/** Ranks that are searched on a line; another has the rate of the one below, by 1/√r. */
const searchedRanks: Readonly<Record<"qv" | "all", readonly number[]>> = {
  qv: [1, 4, 16, 64],
  all: [1, 16, 64],
};

/** The task whose rates serve a task. */
export function rateTask({ name, level, moved = 0 }: DownstreamTask, { line }: Arm): string {
  const searched: readonly string[] = line === "all" ? searchedOnAll : searchedTasks;
  const own = searched.find((one) => name.startsWith(one));
  if (own) return own;
  if (moved > 0) return "random alphabet";
  const isTwo = level === 2 && (line === "qv" || line === "full");
  return isTwo ? "reverse, then upper case" : "reverse, new word";
}

/** The searched rank whose rate serves an arm's; an untrained base has its own. */
export const rateRank = ({ line, rank = 1, base }: Arm): number =>
  (line === "qv" || line === "all") && base !== "untrained"
    ? searchedRanks[line].findLast((one) => one <= rank)!
    : rank;

/** A rate for a rank, of a rate for r = 1. */
export const forRank = (rate: number, rank: number): number =>
  Number((rate / Math.sqrt(rank)).toPrecision(3));

const rates = found.tried as Readonly<Record<string, Readonly<Record<string, Tried>>>>;

/** The rate of an arm on a task. Those of 300 steps serve 100 and 900. */
export function mapRateOf(task: DownstreamTask, arm: Arm): MapRate {
  const searched = { ...arm, rank: arm.rank && rateRank(arm) };
  const base = arm.base === "untrained" ? "untrained, " : "";
  const best = bestRate(rates[base + rateTask(task, arm)][armKey(searched)]);
  if (searched.rank === arm.rank) return best;
  const learningRate = forRank(best.learningRate, arm.rank! / searched.rank!);
  return { ...best, learningRate };
}
