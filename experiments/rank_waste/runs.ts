/** The adapters whose directions are compared: four tasks, several ranks, with and without one start. @module */

import type { GlossTask, PartOfSpeech } from "../../src/data/mod.ts";
import { alpha } from "../adaptation/methods.ts";
import type { PlanContext, PlannedRun } from "../frame/mod.ts";
import { type GlossData, planGloss, shortGlossData } from "../gloss_runs.ts";

/** Task of an adapter. */
export interface WasteTask {
  /** Its name in tables. */
  readonly name: string;
  /** Part of speech of its words. */
  readonly part: PartOfSpeech;
  /** Its kind: to define words, or to name their kind. */
  readonly task: GlossTask;
}

/** Two share their words, two the form of the answer. */
export const wasteTasks: readonly WasteTask[] = [
  { name: "define nouns", part: "noun", task: "gloss" },
  { name: "define verbs", part: "verb", task: "gloss" },
  { name: "kinds of nouns", part: "noun", task: "kind" },
  { name: "kinds of verbs", part: "verb", task: "kind" },
];

/** Initial A of the adapters: one for each task, or the same for all. */
export type Starts = "own" | "one";

/** Both starts, in the order of the report. */
export const allStarts: readonly Starts[] = ["own", "one"];

/** An adapter. */
export interface WasteRun {
  readonly rank: number;
  readonly starts: Starts;
  readonly seed: number; // of the job
  readonly task: number; // place in wasteTasks
}

/** The ranks of the study. */
export const wasteRanks: readonly number[] = [2, 4, 8, 16, 32];

/** Decision 0041 has the reasons. */
export const wasteSteps = 80, wasteRate = 1e-2, wastePairs = 128;

/** Data that a task is trained and measured on. */
export function wasteData({ part, task }: WasteTask, quick: boolean): GlossData {
  const examples = quick ? 16 : wastePairs;
  return { ...shortGlossData(part, quick), task, evaluation: { split: "test", examples } };
}

/** Seed of A and of the batches: tasks of one start have one. */
const seedOf = ({ seed, starts, task }: WasteRun): number =>
  10 * seed + (starts === "own" ? task + 1 : 0);

/** All adapters of a job. */
export function wasteRuns({ seeds, quick }: PlanContext): PlannedRun<WasteRun>[] {
  const ranks = quick ? wasteRanks.slice(0, 1) : wasteRanks, steps = quick ? 5 : wasteSteps;
  const runs = ranks.flatMap((rank) =>
    seeds.flatMap((seed) =>
      allStarts.flatMap((starts) =>
        wasteTasks.map((_, task): WasteRun => ({ rank, starts, seed, task }))
      )
    )
  );
  return runs.map((run) => ({
    ...planGloss({
      ...{
        method: { kind: "lora", rank: run.rank, alpha, sites: "all" },
        seed: seedOf(run),
        steps,
      },
      ...{ learningRate: wasteRate, data: wasteData(wasteTasks[run.task], quick) },
    }, `r = ${run.rank}, ${wasteTasks[run.task].name}`),
    chosen: run,
  }));
}
