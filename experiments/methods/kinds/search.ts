/** The search of every method's rate on kinds of nouns. @module */

import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/planned_run.ts";
import { searchSeed as seed, tryRates } from "../../rate_search.ts";
import { ratesAround } from "../rates.ts";
import { kindsMethods } from "./methods.ts";
import { planKinds } from "./runs.ts";

/** Rates that are tried for every method. */
export const kindsRates = 3;

/** The accuracy of every rate with every method, on the entries to choose by. */
export async function searchKinds(context: RunContext): Promise<JsonRecord> {
  const tried: Record<string, JsonRecord> = {};
  for (const method of kindsMethods) {
    const planned = (learningRate: number) =>
      planKinds(method, { learningRate, seed, part: "validation" });
    tried[method.key] = await tryRates(
      ratesAround(method.prior, kindsRates),
      planned,
      ({ accuracy }) => accuracy,
      context,
    );
  }
  return { split: "validation", seed, tried };
}
