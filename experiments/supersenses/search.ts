/** The search of the supersense task's rates. @module */

import type { Json, JsonRecord } from "../../src/runs/mod.ts";
import type { RunContext } from "../../src/runs/plan.ts";
import { searchSeed as seed, tryRates } from "../rate_search.ts";
import { planSupersenses, supersenseMethods } from "./runs.ts";
import { supersenseSizes } from "./task.ts";

/** The accuracy of every rate with every method, on the entries to choose by. */
export async function searchSupersenses(context: RunContext): Promise<JsonRecord> {
  const tried: Record<string, Record<string, Json>> = {};
  for (const method of supersenseMethods) {
    const planned = (learningRate: number) =>
      planSupersenses({ method, learningRate, seed, part: "validation" }, supersenseSizes);
    tried[method.key] = await tryRates(
      method.rates,
      planned,
      ({ accuracy }) => accuracy,
      context,
    );
  }
  return { split: "validation", seed, tried };
}
