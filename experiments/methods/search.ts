/** The search of every method's rate. @module */

import type { Json, JsonRecord } from "../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../src/runs/plan.ts";
import { searchSeed as seed, tryRates } from "../rate_search.ts";
import type { StudiedMethod } from "./methods.ts";
import { ratesAround } from "./rates.ts";

/** Runs of a search, and the result that is kept of each. */
export interface MethodSearch {
  /** The methods. */
  readonly methods: readonly StudiedMethod[];
  /** Rates around the prior of each. */
  readonly count: number;
  /** The run of a method at a rate, with the seed of searches, on what is not reported. */
  planned(method: StudiedMethod, learningRate: number): PlannedRun;
  /** Reads the result that is kept out of a run's metrics. */
  read(metrics: JsonRecord): Json | undefined;
}

/** Tries rates of each method: the result of each rate, by the method's key. */
export async function searchMethods(
  { methods, count, planned, read }: MethodSearch,
  context: RunContext,
): Promise<JsonRecord> {
  const tried: Record<string, JsonRecord> = {};
  for (const method of methods) {
    const run = (learningRate: number) => planned(method, learningRate);
    tried[method.key] = await tryRates(ratesAround(method.prior, count), run, read, context);
  }
  return { split: "validation", seed, tried };
}
