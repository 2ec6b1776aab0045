/** The search of every method's rate on texts. @module */

import { mean } from "../../../src/core/numbers.ts";
import type { JsonRecord } from "../../../src/runs/mod.ts";
import type { RunContext } from "../../../src/runs/plan.ts";
import { type StudyTask, studyTasks } from "../../encoder_study/tasks.ts";
import { searchSeed as seed, tryRates } from "../../rate_search.ts";
import type { FoundRates } from "../chosen.ts";
import { ratesAround, type TriedRates } from "../rates.ts";
import { textMethods } from "./methods.ts";
import { openTexts, planTexts } from "./runs.ts";

/** Rates that are tried for every method. */
export const textRates = 3;

/** The tasks that rates are searched on; a method has one rate for all. */
export const rateTasks: readonly StudyTask[] = studyTasks.filter(({ name }) => name !== "SUBJ");

/**
 * The accuracy of every rate with every method on each of the searched tasks, on the texts to choose by.
 *
 * @throws {RangeError} when `LOWRANK_DATA` is not a folder with the base and the tasks.
 */
export async function searchTexts(context: RunContext): Promise<JsonRecord> {
  const study = await openTexts(false);
  if (!study) throw new RangeError("the search needs LOWRANK_DATA with the study's base and tasks");
  const tasks: Record<string, Record<string, JsonRecord>> = {};
  for (const task of rateTasks) {
    const tried: Record<string, JsonRecord> = tasks[task.name] = {};
    for (const method of textMethods) {
      const planned = (learningRate: number) =>
        planTexts(study, task, method, { learningRate, seed, part: "validation" });
      const rates = ratesAround(method.prior, textRates);
      tried[method.key] = await tryRates(rates, planned, ({ accuracy }) => accuracy, context);
    }
  }
  return { split: "validation", seed, tasks };
}

/** What a search wrote: by task and by the method's key. */
export interface FoundOnTasks {
  /** What each rate gave. */
  readonly tasks: Readonly<Record<string, Readonly<Record<string, TriedRates>>>>;
}

/** The mean over the tasks of what each rate gave; `null` where training diverged on one. */
export function meansOfTasks({ tasks }: FoundOnTasks): FoundRates {
  const [first, ...others] = Object.values(tasks);
  const meanOf = (key: string, rate: string) => {
    const all = [first, ...others].map((task) => task[key]?.[rate] ?? null);
    return all.includes(null) ? null : mean(all as number[]);
  };
  const tried = Object.entries(first ?? {}).map(([key, rates]): [string, TriedRates] => [
    key,
    Object.fromEntries(Object.keys(rates).map((rate) => [rate, meanOf(key, rate)])),
  ]);
  return { tried: Object.fromEntries(tried) };
}
