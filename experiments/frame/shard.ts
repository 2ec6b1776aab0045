/** Dividing the training runs of a job among several, one of which then reads them all. @module */

import { hashOf } from "../../src/runs/mod.ts";
import type { Experiment } from "./experiment.ts";
import { partOf, type PlannedRun, type Shard } from "../../src/runs/plan.ts";
import { type ExperimentContext, makeRuns } from "./planned_runs.ts";

/**
 * Makes every n-th of all the runs that the experiments read, each once however many read it. A run's
 * folder is named by its specification: put together, the folders of all parts are those of one job.
 *
 * @returns Number of runs in this part.
 */
export async function makeShard(
  experiments: readonly Experiment[],
  shard: Shard,
  context: ExperimentContext,
): Promise<number> {
  const runs = new Map<string, PlannedRun>();
  for (const experiment of experiments) {
    for (const run of await experiment.runs?.(context) ?? []) {
      const hash = await hashOf(await run.spec(context.device));
      if (!runs.has(hash)) runs.set(hash, run);
    }
  }
  const own = partOf([...runs.values()], shard);
  await makeRuns(own, context);
  return own.length;
}
