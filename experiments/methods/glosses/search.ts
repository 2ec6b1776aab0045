/** The search of every method's rate on glosses. @module */

import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/plan.ts";
import { searchSeed as seed } from "../../rate_search.ts";
import { glossMethods, type StudiedMethod } from "../methods.ts";
import { searchMethods } from "../search.ts";
import { planMethod } from "./runs.ts";

/** Rates that are tried for every method. */
export const glossRates = 3;

/** The loss of every rate with every method on the validation split. */
export const searchGlosses = (context: RunContext): Promise<JsonRecord> =>
  searchOnGlosses(glossMethods, glossRates, context);

/** The loss of so many rates around each method's prior. */
export const searchOnGlosses = (
  methods: readonly StudiedMethod[],
  count: number,
  context: RunContext,
): Promise<JsonRecord> =>
  searchMethods({
    ...{ methods, count },
    planned: ({ sizes: [size], label }, learningRate) =>
      planMethod(size, label, { learningRate, seed, split: "validation" }),
    read: ({ loss }) => loss,
  }, context);
