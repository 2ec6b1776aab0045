/** The runs of the rank study: one set for all of its figures and tables. @module */

import type { SiteRole } from "../../src/core/update.ts";
import { grouped } from "../../src/core/numbers.ts";
import type { MethodSpec } from "../../src/runs/mod.ts";
import { alpha, bestRate } from "../adaptation/methods.ts";
import { type GlossData, glossData, type GlossRun } from "../gloss_runs.ts";
import found from "./learning_rates.json" with { type: "json" };

/** One run; steps, data and learning rate are the same for all. */
export interface StudyRun {
  readonly sites: readonly SiteRole[]; // roles of the adapted sites, in every layer
  readonly rank: number; // r of each site
  readonly seed: number; // seed of A and of the batches
}

/** `qv-r8-seed1`: its name in folders and tables. */
export function nameOf({ sites, rank, seed }: StudyRun): string {
  return `${sites.join("")}-r${rank}-seed${seed}`;
}

/** Method of a run. */
export function methodOf({ sites, rank }: Pick<StudyRun, "sites" | "rank">): MethodSpec {
  return { kind: "lora", rank, alpha, sites };
}

/** Steps of every run that is not quick. */
export const studySteps = 350;

/** Key in `learning_rates.json` of the one method that was searched: the paper also tuned at one rank. */
export const searched = { key: "lora-qv-8", sites: ["q", "v"], rank: 8 } as const;

/** The rate of the grid with the lowest loss on the validation split, which is reported nowhere. */
export const learningRate: number = bestRate(found.losses[searched.key]).learningRate;

/** Data that all runs are trained and measured on. */
export const studyData = (quick: boolean): GlossData => glossData("noun", quick);

const stepsOf = (quick: boolean) => quick ? 10 : studySteps;

/** A run of the study as a run of the task. */
export function glossRunOf(run: StudyRun, quick: boolean): GlossRun {
  const { seed } = run, steps = stepsOf(quick), data = studyData(quick);
  return { method: methodOf(run), learningRate, seed, steps, data };
}

/** Settings that all runs of the study share, in words. */
export function studySettings(_rows: unknown, { quick }: { readonly quick: boolean }): string {
  const { examples, batch, length } = studyData(quick);
  const steps = `${stepsOf(false)} steps${quick ? " (10 where an adapter is not shipped)" : ""}`;
  return `${steps} of ${batch} pairs of at most ${length} tokens from ` +
    `${
      grouped(examples)
    } training pairs of WordNet's nouns; AdamW, linear schedule with 5% warm-up, gradients ` +
    `clipped at norm 1; α = ${alpha} at every rank; one learning rate, ${learningRate}, the best for q and v ` +
    "at r = 8 on a validation split. Adapters are stored in F16.";
}

/** The two ranks that figures 3, 4, 6 and 7 compare. */
export const smallRank = 8, largeRank = 64;

/**
 * Runs of rank 64 have seeds of their own, each ten above its partner's: A is filled row by row, so one
 * seed at two ranks would start with the same rows.
 */
export function seedAt(rank: number, seed: number): number {
  return rank === largeRank ? seed + 10 : seed;
}

/** Seeds of the subspaces, in every job: their adapters are shipped. */
export const subspaceSeeds: readonly number[] = [1, 2, 3];

/** Words of a report about them. */
export const subspaceSeedsInWords =
  "1, 2, 3 (11, 12, 13 at r = 64) in every job, so the header's do not apply; values are their means";

const at = (sites: readonly SiteRole[], ranks: readonly number[], seeds: readonly number[]) =>
  ranks.flatMap((rank) => seeds.map((seed): StudyRun => ({ sites, rank, seed })));

/** q and v at some ranks, three seeds each, those of a partner at rank 64. */
export function subspaceRuns(ranks: readonly number[]): StudyRun[] {
  return ranks.flatMap((rank) =>
    at(["q", "v"], [rank], subspaceSeeds.map((seed) => seedAt(rank, seed)))
  );
}

/** Table 6 at small scale: q and v, and q alone, over ranks. */
export function rankRuns(seeds: readonly number[]): StudyRun[] {
  return [
    ...at(["q", "v"], [1, 2, 4, 8, 16], seeds),
    ...at(["q", "v"], [largeRank], seeds.map((seed) => seedAt(largeRank, seed))),
    ...at(["q"], [1, 8, 64], seeds),
  ];
}

/** Table 5 at small scale: one budget of trained parameters, spent on one, two or four matrices of a layer. */
export function budgetRuns(seeds: readonly number[]): StudyRun[] {
  return [
    ...(["q", "k", "v", "o"] as const).flatMap((site) => at([site], [8], seeds)),
    ...at(["q", "k"], [4], seeds),
    ...at(["q", "v"], [4], seeds),
    ...at(["q", "k", "v", "o"], [2], seeds),
  ];
}

/** Runs whose adapters are shipped: all of the subspaces, and one seed of tables 5 and 6. */
export function shippedRuns(): StudyRun[] {
  const [seed] = subspaceSeeds;
  const runs = [...subspaceRuns([4, 8, largeRank]), ...rankRuns([seed]), ...budgetRuns([seed])];
  return [...new Map(runs.map((run) => [nameOf(run), run])).values()];
}
