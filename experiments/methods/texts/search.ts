/** The search of every method's rate on texts. @module */

import type { Json, JsonRecord } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/plan.ts";
import { tryRates } from "../../rate_search.ts";
import type { StudiedMethod } from "../methods.ts";
import { chooseMost, rateBeyond, ratesAround, type TriedRates } from "../rates.ts";
import { fewMethods, ownSeed, textMethods } from "./methods.ts";
import { planText, type TextStudy } from "./runs.ts";
import { fewTask, openFew, openSearched, searchedTasks } from "./sizes.ts";
import type { TextTask } from "./tasks.ts";

/** Rates that are tried for every method; where the best is at an end, one more beyond it. */
export const textRates = 3;

/** Place of the search among a method's seeds, and among the draws: reported ones count up from 1. */
const searchSeed = 0;

/** The fewest examples, at which rates are searched, too. */
export const fewest = 100;

/** The name of what was searched there. */
export const fewSearch = `${fewTask.name}, ${fewest} texts`;

/**
 * The accuracy of every rate with every method on each of the searched tasks, on the texts to choose by, and with
 * the fewest examples.
 *
 * @throws {RangeError} when `LOWRANK_DATA` is not a folder with the base and the tasks.
 */
export async function searchTexts(context: RunContext): Promise<JsonRecord> {
  const [study, few] = await Promise.all([openSearched(), openFew(fewest, searchSeed, false)]);
  if (!study || !few) {
    throw new RangeError("the search needs LOWRANK_DATA with the study's base and tasks");
  }
  const tasks: Record<string, JsonRecord> = {};
  for (const task of searchedTasks) {
    tasks[task.name] = await searchOn(study, task, textMethods, context);
  }
  tasks[fewSearch] = await searchOn(few, fewTask, fewMethods, context);
  return { split: "validation", seed: searchSeed, tasks };
}

async function searchOn(
  study: TextStudy,
  task: TextTask,
  methods: readonly StudiedMethod[],
  context: RunContext,
): Promise<JsonRecord> {
  const found: Record<string, JsonRecord> = {};
  for (const method of methods) {
    const { label, sizes: [{ spec }] } = method, seed = ownSeed(method, searchSeed);
    const planned = (learningRate: number) =>
      planText(study, { task, method: { spec }, learningRate, seed, part: "validation" }, label);
    const tryAll = (rates: readonly number[]) =>
      tryRates(rates, planned, ({ accuracy }) => accuracy, context);
    found[method.key] = await withOneBeyond(ratesAround(method.prior, textRates), tryAll);
  }
  return found;
}

/** Accuracy of the rates and, where the best of them is at an end, of the next one beyond. */
async function withOneBeyond(
  rates: readonly number[],
  tryAll: (rates: readonly number[]) => Promise<Record<string, Json>>,
): Promise<Record<string, Json>> {
  const tried = await tryAll(rates), best = chooseMost(tried as TriedRates);
  return best.end ? { ...tried, ...await tryAll(rateBeyond(best)) } : tried;
}
