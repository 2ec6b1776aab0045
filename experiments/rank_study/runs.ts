/** The runs of the rank study: one set for all of its figures and tables. @module */

import type { SiteRole } from "../../src/core/site.ts";
import type { MethodSpec } from "../../src/runs/mod.ts";
import { alpha } from "../adaptation/methods.ts";

/** One run; steps, data and learning rate are the same for all. */
export interface StudyRun {
  /** Roles of the adapted sites, in every layer. */
  readonly sites: readonly SiteRole[];
  /** r of each site. */
  readonly rank: number;
  /** Seed of A and of the batches. */
  readonly seed: number;
}

/** `qv-r8-seed1`: its name in folders and tables. */
export function nameOf({ sites, rank, seed }: StudyRun): string {
  return `${sites.join("")}-r${rank}-seed${seed}`;
}

/** What it trains. */
export function methodOf({ sites, rank }: Pick<StudyRun, "sites" | "rank">): MethodSpec {
  return { kind: "lora", rank, alpha, sites };
}

/** The rank that is held against the smaller ones in figures 3, 4, 6 and 7. */
export const largeRank = 64;

/**
 * Runs of rank 64 have seeds of their own: A is filled row by row, so one seed at two ranks would start
 * with the same rows. A run's partner is ten seeds on.
 */
export function seedAt(rank: number, seed: number): number {
  return rank === largeRank ? seed + 10 : seed;
}

/** Seeds of the subspaces, in every job: their adapters are shipped. */
export const subspaceSeeds: readonly number[] = [1, 2, 3];

const at = (sites: readonly SiteRole[], ranks: readonly number[], seeds: readonly number[]) =>
  ranks.flatMap((rank) => seeds.map((seed): StudyRun => ({ sites, rank, seed })));

/** q and v at one rank, three seeds, those of a partner at rank 64. */
export function subspaceRuns(rank: number): StudyRun[] {
  return at(["q", "v"], [rank], subspaceSeeds.map((seed) => seedAt(rank, seed)));
}

/** Table 6 in kind: q and v, and q alone, over ranks. */
export function rankRuns(seeds: readonly number[]): StudyRun[] {
  const large = seeds.map((seed) => seedAt(largeRank, seed));
  return [
    ...at(["q", "v"], [1, 2, 4, 8, 16], seeds),
    ...at(["q", "v"], [largeRank], large),
    ...at(["q"], [1, 8, 64], seeds),
  ];
}

/** Table 5 in kind: one budget of trained values, spent on one, two or four matrices of a layer. */
export function budgetRuns(seeds: readonly number[]): StudyRun[] {
  const alone = (["q", "k", "v", "o"] as const).flatMap((site) => at([site], [8], seeds));
  return [
    ...alone,
    ...at(["q", "k"], [4], seeds),
    ...at(["q", "v"], [4], seeds),
    ...at(["q", "k", "v", "o"], [2], seeds),
  ];
}

/** Runs whose adapters are shipped: all of the subspaces, and one seed of tables 5 and 6. */
export function shippedRuns(): StudyRun[] {
  const [seed] = subspaceSeeds;
  const runs = [
    ...[4, 8, largeRank].flatMap(subspaceRuns),
    ...rankRuns([seed]),
    ...budgetRuns([seed]),
  ];
  return [...new Map(runs.map((run) => [nameOf(run), run])).values()];
}
