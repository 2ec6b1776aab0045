/** How every run of the rank study is trained, but for its sites, rank and seed. @module */

import { type GlossData, glossData, type GlossRun } from "../gloss_runs.ts";
import { alpha } from "../adaptation/methods.ts";
import { bestRate } from "../learning_rates.ts";
import found from "./learning_rates.json" with { type: "json" };
import { methodOf, type StudyRun } from "./runs.ts";

/** Steps of every run. */
export const studySteps = 350;

/** Steps of a run of a job. */
export const stepsOf = (quick: boolean): number => quick ? 10 : studySteps;

/** Key in `learning_rates.json` of the one method that was searched: the paper too tuned at one rank. */
export const searched = { key: "lora-qv-8", sites: ["q", "v"], rank: 8 } as const;

/** The rate of the grid with the lowest loss on the validation split, which is reported nowhere. */
export const learningRate: number = bestRate(found.losses[searched.key]).learningRate;

/** What all are trained and measured on. */
export const studyData = (quick: boolean): GlossData => glossData("noun", quick);

/** A run of the study as a run of the task. */
export function glossRunOf(run: StudyRun, quick: boolean): GlossRun {
  const { seed } = run, steps = stepsOf(quick), data = studyData(quick);
  return { method: methodOf(run), learningRate, seed, steps, data };
}

/** What every run of the study is, in words. */
export function studySettings(quick: boolean): string {
  const { examples, batch, length } = studyData(quick);
  return `${stepsOf(quick)} steps of ${batch} pairs of at most ${length} tokens from ${examples} ` +
    `training pairs of WordNet's nouns; AdamW, linear schedule with 5% warm-up, clipping at norm 1; ` +
    `α = ${alpha} at every rank; one learning rate, ${learningRate}, the best for q and v at r = 8 on ` +
    "a validation split. Adapters are read in F16.";
}
