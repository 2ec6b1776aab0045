/** The search of the encoder study's rates. @module */

import type { Device } from "../../src/device/device.ts";
import type { PlannedRun, RunContext } from "../../src/runs/planned_run.ts";
import type { JsonRecord } from "../../src/runs/mod.ts";
import { openStudy, planStudy, rankOf, searchedRank } from "./runs.ts";
import { studyMethods, studyRates, studySizes } from "./runs.ts";
import { findStudyData, searchedTasks } from "./tasks.ts";

/** None of the seeds that are reported, which count up from 1. */
const seed = 1000;

/** The methods whose rates are searched. */
const searched = studyMethods.filter((method) => (rankOf(method) ?? searchedRank) === searchedRank);

/**
 * Tries every rate with every method on each of the searched tasks, on texts that no table reports; `null` stands for a
 * training that diverged.
 *
 * @throws {RangeError} when `LOWRANK_DATA` is not a folder with the base and the tasks.
 */
export async function searchStudy(device: Device, folder: string): Promise<JsonRecord> {
  const data = await findStudyData();
  if (!data) throw new RangeError("the search needs LOWRANK_DATA with the study's base and tasks");
  const study = openStudy(data, studySizes), tried: Record<string, Record<string, JsonRecord>> = {};
  for (const task of searchedTasks) {
    tried[task.name] = {};
    for (const method of searched) {
      const { places } = method, found: Record<string, JsonRecord | null> = {};
      for (const learningRate of studyRates[places]) {
        const run = { task, method, learningRate, seed, part: "validation" } as const;
        found[learningRate] = await resultOf(planStudy(study, run), { device, folder });
        console.error(task.name, places, learningRate, found[learningRate]);
      }
      tried[task.name][places] = found;
    }
  }
  return { split: "validation", seed, ...studySizes, tried };
}

async function resultOf(planned: PlannedRun, context: RunContext): Promise<JsonRecord | null> {
  try {
    const { accuracy, loss } = (await planned.make(context)).metrics;
    return { accuracy, loss };
  } catch (error) {
    console.error((error as Error).message);
    return null;
  }
}
