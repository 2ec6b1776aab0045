/** Searches of learning rates, on what no table reports. @module */

import type { PlannedRun, RunContext } from "../src/runs/plan.ts";
import type { Json, JsonRecord } from "../src/runs/mod.ts";
import type { ChosenRate } from "./methods/rates.ts";
import { isDiverged } from "../src/train/evaluate.ts";

/** None of the seeds that are reported, which count up from 1. */
export const searchSeed = 1000;

/**
 * Trains with each rate and returns the results by the rate; `null` where training diverged.
 *
 * @param planned The run of a rate.
 * @param read Picks the values to keep of a run's metrics.
 */
export async function tryRates(
  rates: readonly number[],
  planned: (learningRate: number) => PlannedRun,
  read: (metrics: JsonRecord) => Json | undefined,
  context: RunContext,
): Promise<Record<string, Json>> {
  const found: Record<string, Json> = {};
  for (const rate of rates) {
    const run = planned(rate);
    try {
      found[rate] = read((await run.make(context)).metrics) ?? null;
    } catch (error) {
      if (!isDiverged(error)) throw error;
      found[rate] = null;
    }
    console.error(run.label, rate, found[rate]);
  }
  return found;
}

/** Rates to try. */
export interface RateGrid {
  /** The first ones. */
  readonly first: readonly number[];
  /** Ratio of a rate beyond the end to the end. */
  readonly factor: number;
  /** Most rates. */
  readonly most: number;
  /** Digits to which a rate beyond is rounded. Default 3. */
  readonly digits?: number;
}

/** The runs of a search, and how their results are read. */
export interface RateSearch<Result extends Json> {
  /** The run of a rate. */
  planned(learningRate: number): PlannedRun;
  /** Picks the values to keep of a run's metrics. */
  read(metrics: JsonRecord): Json | undefined;
  /** The best of the tried rates, with the end that it is, if it is one. */
  best(tried: Readonly<Record<string, Result | null>>): ChosenRate;
  /** True of a result beyond which no other rate is tried. Default: of none. */
  isEnough?(result: Result): boolean;
}

/** The first rates, then one beyond the best as long as that is an end and not good enough. */
export async function searchRates<Result extends Json>(
  { first, factor, most, digits = 3 }: RateGrid,
  { planned, read, best, isEnough }: RateSearch<Result>,
  context: RunContext,
): Promise<Record<string, Result | null>> {
  const rates = async (ones: readonly number[]) =>
    await tryRates(ones, planned, read, context) as Record<string, Result | null>;
  let tried = await rates(first);
  for (let count = first.length; count < most; count++) {
    const { learningRate, end } = best(tried), result = tried[learningRate];
    if (end === undefined || result !== null && isEnough?.(result)) break;
    const next = learningRate * (end === "highest" ? factor : 1 / factor);
    tried = { ...tried, ...await rates([Number(next.toPrecision(digits))]) };
  }
  return tried;
}
