/** The search of every method's rate on E2E. @module */

import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/plan.ts";
import { searchSeed as seed } from "../../rate_search.ts";
import { searchMethods } from "../search.ts";
import { e2eMethods } from "./methods.ts";
import { planE2e, searchSteps as steps } from "./runs.ts";
import { archivePath, basePath, e2eSizes, findE2e, openE2e } from "./task.ts";

/** Rates that are tried for every method. */
export const e2eRates = 4;

/**
 * The loss of every rate with every method on meanings of the validation set.
 *
 * @throws {RangeError} when `LOWRANK_DATA` is not a folder with the base and the dataset.
 */
export async function searchE2e(context: RunContext): Promise<JsonRecord> {
  const data = await findE2e();
  if (!data) {
    throw new RangeError(`the search needs LOWRANK_DATA with ${basePath} and ${archivePath}`);
  }
  const task = openE2e(data, e2eSizes), part = "validation" as const;
  return await searchMethods({
    ...{ methods: e2eMethods, count: e2eRates },
    planned: (method, learningRate) => planE2e(task, { method, learningRate, seed, steps, part }),
    read: ({ loss }) => loss,
  }, context);
}
