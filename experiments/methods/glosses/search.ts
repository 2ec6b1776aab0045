/** The search of every method's rate on glosses. @module */

import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/planned_run.ts";
import { searchSeed as seed, tryRates } from "../../rate_search.ts";
import { glossMethods, type StudiedMethod } from "../methods.ts";
import { ratesAround } from "../rates.ts";
import { planMethod } from "./runs.ts";

/** Rates that are tried for every method. */
export const glossRates = 3;

/** The loss of every rate with every method on the validation split. */
export function searchGlosses(context: RunContext): Promise<JsonRecord> {
  return searchMethods(glossMethods, glossRates, context);
}

/** The loss of so many rates around each method's prior. */
export async function searchMethods(
  methods: readonly StudiedMethod[],
  count: number,
  context: RunContext,
): Promise<JsonRecord> {
  const tried: Record<string, JsonRecord> = {};
  for (const { key, label, prior, sizes: [size] } of methods) {
    const planned = (learningRate: number) =>
      planMethod(size, label, { learningRate, seed, split: "validation" });
    tried[key] = await tryRates(ratesAround(prior, count), planned, ({ loss }) => loss, context);
  }
  return { split: "validation", seed, tried };
}
