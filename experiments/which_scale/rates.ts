/** Best rates of LoRA at several α/r, and of full fine-tuning, on one task. @module */

import type { JsonRecord, MethodSpec } from "../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../src/runs/plan.ts";
import { chooseLeast } from "../methods/rates.ts";
import { type RateGrid, searchRates } from "../rate_search.ts";
import { planSkill, skillSteps } from "../skills/runs.ts";
import { scaleTask } from "./gradients.ts";

/** α/r of LoRA of this rank. */
export const scales = [0.25, 1, 4, 16, 64] as const, rateRank = 8;

/** Seeds of the searches: a result is the best rate of each. */
export const rateSeeds = [1, 2, 3] as const;

/** A way to train: LoRA at a scale, or full fine-tuning. */
type Arm = typeof scales[number] | "full";

const arms: readonly Arm[] = [...scales, "full"];

/** `s = 4`, `full`. */
const armName = (arm: Arm): string => arm === "full" ? arm : `s = ${arm}`;

const methodOf = (arm: Arm): MethodSpec =>
  arm === "full"
    ? { kind: "full" }
    : { kind: "lora", rank: rateRank, alpha: rateRank * arm, sites: "all" };

/** The first guess of a rate. */
const guessOf = (arm: Arm): number => arm === "full" ? 0.002 : 0.04 / arm;

/** Three rates around the guess, then one beyond the best as long as it is an end. */
const gridOf = (arm: Arm): RateGrid => ({
  ...{ first: [0.5, 1, 2].map((times) => guessOf(arm) * times), factor: 2, most: 9, digits: 6 },
});

/** The best rate of an arm and seed. */
export interface RateRow {
  /** α/r; absent for full fine-tuning. */
  readonly scale?: number;
  /** The repeat. */
  readonly seed: number;
  /** The best rate. */
  readonly learningRate: number;
  /** The end of the tried rates that it is, if it is one. */
  readonly end?: string;
  /** Its loss, in nats per character. */
  readonly loss: number;
  /** Rates that were tried. */
  readonly tried: number;
}

/** Searches of all arms and seeds. */
export async function rateRows(context: RunContext, seeds: readonly number[]): Promise<RateRow[]> {
  const rows: RateRow[] = [];
  for (const seed of seeds) {
    for (const [at, arm] of arms.entries()) {
      const planned = (learningRate: number) =>
        planOne(arm, learningRate, 8_000_000 + 100 * seed + at);
      const found = { planned, read: ({ loss }: JsonRecord) => loss, best: chooseLeast };
      const tried = await searchRates<number>(gridOf(arm), found, context);
      const { learningRate, end } = chooseLeast(tried);
      rows.push({
        ...arm !== "full" && { scale: arm },
        ...{ seed, learningRate, end, loss: tried[learningRate]! },
        tried: Object.keys(tried).length,
      });
    }
  }
  return rows;
}

const planOne = (arm: Arm, learningRate: number, seed: number): PlannedRun =>
  planSkill({
    ...{ method: methodOf(arm), learningRate, steps: skillSteps, seed },
    ...{ task: scaleTask, split: "validation" },
  }, armName(arm));
