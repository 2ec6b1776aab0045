/** Searches of learning rates, on what no table reports. @module */

import type { PlannedRun, RunContext } from "../src/runs/plan.ts";
import type { Json, JsonRecord } from "../src/runs/mod.ts";
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
