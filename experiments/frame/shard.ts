/** Dividing the training runs of a job among several, one of which then reads them all. @module */

import { hashOf } from "../../src/runs/mod.ts";
import type { Experiment } from "./experiment.ts";
import type { PlannedRun } from "../../src/runs/planned_run.ts";
import { type ExperimentContext, makeRuns } from "./planned_runs.ts";

/** One part of a job. */
export interface Shard {
  /** Which, counted from 1. */
  readonly index: number;
  /** Of how many. */
  readonly count: number;
}

/**
 * Reads `i/n`.
 *
 * @throws {RangeError} when it is not two whole numbers with 1 ≤ i ≤ n.
 */
export function parseShard(text: string): Shard {
  const [, index, count] = (/^(\d+)\/(\d+)$/.exec(text) ?? []).map(Number);
  if (index >= 1 && index <= count) return { index, count };
  throw new RangeError(`--shard must be i/n with i from 1 to n, found ${text}`);
}

/**
 * Makes every n-th of all the runs that the experiments read, each once however many read it. A run's
 * folder is named by its specification: put together, the folders of all parts are those of one job.
 *
 * @returns How many runs are in this part.
 */
export async function makeShard(
  experiments: readonly Experiment[],
  { index, count }: Shard,
  context: ExperimentContext,
): Promise<number> {
  const runs = new Map<string, PlannedRun>();
  for (const experiment of experiments) {
    for (const run of await experiment.runs?.(context) ?? []) {
      const hash = await hashOf(await run.spec(context.device));
      if (!runs.has(hash)) runs.set(hash, run);
    }
  }
  const own = [...runs.values()].filter((_, place) => place % count === index - 1);
  await makeRuns(own, context);
  return own.length;
}
