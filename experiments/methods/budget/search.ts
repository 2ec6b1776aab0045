/** The search of a rate for every matrix and every rank. @module */

import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/plan.ts";
import { searchOnGlosses } from "../glosses/search.ts";
import { budgetMethods } from "./methods.ts";

/** Rates that are tried for every row. */
export const budgetRates = 3;

/** The loss of every rate with every row on the validation split. */
export const searchBudget = (context: RunContext): Promise<JsonRecord> =>
  searchOnGlosses(budgetMethods, budgetRates, context);
