/** The search of every method's rate on kinds of nouns. @module */

import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/plan.ts";
import { searchSeed as seed } from "../../rate_search.ts";
import { searchMethods } from "../search.ts";
import { kindsMethods } from "./methods.ts";
import { planKinds } from "./runs.ts";

/** Rates that are tried for every method. */
export const kindsRates = 3;

/** The accuracy of every rate with every method, on the entries to choose by. */
export const searchKinds = (context: RunContext): Promise<JsonRecord> =>
  searchMethods({
    ...{ methods: kindsMethods, count: kindsRates },
    planned: (method, learningRate) =>
      planKinds(method, { learningRate, seed, part: "validation" }),
    read: ({ accuracy }) => accuracy,
  }, context);
