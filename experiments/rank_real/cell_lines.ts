/** φ in numbers: a line for each cell, space and site, a number for each layer. @module */

import { phi } from "../../src/analysis/subspaces.ts";
import { smallRank } from "../rank_study/runs.ts";
import { commonDirections, restShared, type Similarity } from "../rank_study/subspace_rows.ts";
import { packed, unpacked } from "./rows.ts";
import type { CellSimilarity, SpaceName } from "./subspace_rows.ts";
import type { Site } from "./updates.ts";

/** What is kept of a module and of its Gaussian updates. */
export const similarities = {
  top: ({ ranks }) => phi(ranks, 1, 1),
  rest: restShared,
  eighth: ({ ranks }) => phi(ranks, smallRank, smallRank),
  seedsTop: ({ seeds }) => phi(seeds, 1, 1),
  seedsEighth: ({ seeds }) => phi(seeds, smallRank, smallRank),
  common: commonDirections,
} as const satisfies Record<string, (found: Similarity) => number>;

/** The name of one of them. */
export type SimilarityName = keyof typeof similarities;

const names = Object.keys(similarities) as SimilarityName[];

/** Of two seeds. */
const ofSeeds: readonly SimilarityName[] = ["seedsTop", "seedsEighth", "common"];

/** The unit in which they are packed. */
export const similarityUnit = 1e-3;

/** One site in one cell and space: its numbers by layer, packed; under `gaussian` the largest of Gaussian updates. */
export interface CellLine extends Readonly<Partial<Record<SimilarityName, string>>> {
  readonly cell: string; // its name
  readonly at: number; // steps after which adapters are compared
  readonly steps: number; // steps of their runs
  readonly pairs: number; // of r = 8 and r = 64
  readonly space: SpaceName; // where
  readonly site: Site["site"]; // q or v
  readonly gaussian: string; // in the order of the others, packed
}

/** The lines of what was found. */
export function cellLines(found: readonly CellSimilarity[]): CellLine[] {
  return found.flatMap(({ cell: { name, at, steps, ranks, seeds }, space, modules }) => {
    const kept = names.filter((key) => seeds.length > 0 || !ofSeeds.includes(key));
    return Array.from(Map.groupBy(modules, ({ site }) => site), ([site, own]): CellLine => {
      const values = kept.map((key) => [
        key,
        packed(own.map((module) => similarities[key](module)), unitOf(key)),
      ]);
      const most = kept.map((key) =>
        Math.max(...own.map(({ control }) => similarities[key](control))) / unitOf(key)
      );
      return {
        ...{ cell: name, at, steps, pairs: ranks.length, space: space as SpaceName, site },
        ...Object.fromEntries(values),
        gaussian: packed(most),
      };
    });
  });
}

const unitOf = (key: SimilarityName) => key === "common" ? 1 : similarityUnit;

/** A number of every layer. */
export const cellLayers = (line: CellLine, key: SimilarityName): number[] =>
  unpacked(line[key]!, unitOf(key));
