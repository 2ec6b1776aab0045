/** The search of the encoder study's rates. @module */

import type { JsonRecord } from "../../src/runs/mod.ts";
import type { RunContext } from "../../src/runs/plan.ts";
import { searchSeed as seed, tryRates } from "../rate_search.ts";
import { openStudy, planStudy, rankOf, searchedRank } from "./runs.ts";
import { studyMethods, studyRates, studySizes } from "./runs.ts";
import { findStudyData, searchedTasks } from "./tasks.ts";

/** The methods whose rates are searched. */
const searched = studyMethods.filter((method) => (rankOf(method) ?? searchedRank) === searchedRank);

/**
 * Tries every rate with every method on each of the searched tasks, on texts that no table reports; `null`
 * stands for a training that diverged.
 *
 * @throws {RangeError} when `LOWRANK_DATA` is not a folder with the base and the tasks.
 */
export async function searchStudy(context: RunContext): Promise<JsonRecord> {
  const data = await findStudyData();
  if (!data) throw new RangeError("the search needs LOWRANK_DATA with the study's base and tasks");
  const study = openStudy(data, studySizes), tried: Record<string, Record<string, JsonRecord>> = {};
  for (const task of searchedTasks) {
    tried[task.name] = {};
    for (const method of searched) {
      const planned = (learningRate: number) =>
        planStudy(study, { task, method, learningRate, seed, part: "validation" });
      tried[task.name][method.places] = await tryRates(
        studyRates[method.places],
        planned,
        ({ accuracy, loss }) => ({ accuracy, loss }),
        context,
      );
    }
  }
  return { split: "validation", seed, ...studySizes, tried };
}
