/** Arms that train B alone on q and v. @module */

import type { MethodSpec } from "../../src/runs/mod.ts";
import { type ArmRun, type ArmStudy, studiedTasks } from "../skills/arms.ts";
import { bestRate, forRank, type TriedShares } from "../skills/needed_rank/runs.ts";
import found from "./learning_rates.json" with { type: "json" };

/** Ranks of B alone, the arms: those of LoRA, and twice those, which train as many values. */
export const halfRanks = [1, 2, 8, 16, 32, 64] as const;

/** One training: its arm is the rank. */
export type HalfRun = ArmRun<number>;

/** `B alone, r = 8`. */
const halfName = (rank: number): string => `B alone, r = ${rank}`;

/** LoRA as a method. */
type LoraMethod = Extract<MethodSpec, { kind: "lora" }>;

/** As the map's LoRA on q and v, but that A is frozen. */
export const halfMethod = (rank: number): LoraMethod => ({
  ...{ kind: "lora", rank, alpha: 2 * rank, sites: ["q", "v"], freezeA: true },
});

/** Ranks whose rates are searched, those of the map; another has the rate of the one below, by 1/√r. */
export const searchedRanks: readonly number[] = [1, 8, 64];

const rates = found.tried as Readonly<Record<string, Readonly<Record<string, TriedShares>>>>;

/** Rates for r = 1 that are tried first; twice the map's, as B has to do all. */
const first = [0.02, 0.04, 0.08];

/** The study of B alone. */
export const halfStudy: ArmStudy<number> = {
  nameOf: halfName,
  methodOf: halfMethod,
  seedOf: (task, rank, repeat) =>
    4_000_000 + 10_000 * repeat + 100 * (studiedTasks.indexOf(task) + 1) + rank,
  rateOf(task, rank) {
    const searched = searchedRanks.findLast((one) => one <= rank)!;
    const best = bestRate(rates[task.name][halfName(searched)]);
    return { ...best, learningRate: forRank(best.learningRate, rank / searched) };
  },
  gridOf: (rank) => ({ first: first.map((rate) => forRank(rate, rank)), factor: 2, most: 5 }),
};
