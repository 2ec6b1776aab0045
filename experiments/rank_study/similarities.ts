/** φ of every module, in every space, beside what chance gives. @module */

import { randomSimilarity, rightDirections, similarityGrid } from "../../src/analysis/mod.ts";
import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { largeRank } from "./runs.ts";
import { gaussianControl, type Grid, meanGrid, type Space } from "./spaces.ts";
import type { StudyModule } from "./study.ts";
import type { ModuleSimilarity } from "./subspace_rules.ts";

/** The rank that is held against the large one. */
export const smallRank = 8;

/** Pairs of seeds by their places: 11 and 12, 12 and 13, 11 and 13. */
const pairsOfSeeds = [[0, 1], [1, 2], [0, 2]] as const;

/** Seed of the Gaussian controls. */
const controlSeed = 7;

/** Every module's similarities in a space. */
export function similaritiesIn(
  space: Space,
  modules: readonly StudyModule[],
): ModuleSimilarity[] {
  const controls = controlsOf(space, modules);
  return modules.map((module) => {
    const directions = (rank: number) =>
      module.updates.get(rank)!.map((update) => space.directions(update, module.metric));
    const small = directions(smallRank), large = directions(largeRank);
    return {
      site: module.site,
      layer: module.layer,
      ranks: meanGrid(small.map((one, seed) => similarityGrid(one, large[seed]))),
      seeds: meanGrid(pairsOfSeeds.map(([a, b]) => similarityGrid(large[a], large[b]))),
      control: controls.get(module.layer)!,
    };
  });
}

/** One control for all modules of a layer: they have the same inputs and shapes. */
function controlsOf(
  space: Space,
  modules: readonly StudyModule[],
): Map<number, ModuleSimilarity["control"]> {
  const layers = new Map(modules.map(({ layer, metric }) => [layer, metric]));
  return new Map([...layers].map(([layer, metric]) => {
    const draw = (rank: number) =>
      gaussianControl(space, metric, [rank, largeRank], controlSeed + layer);
    return [layer, { ranks: draw(smallRank), seeds: draw(largeRank) }];
  }));
}

/** max(i, j) / d as a grid: what subspaces share that know nothing of each other. */
export function chanceGrid(rows: number, columns: number, dimensions: number): Grid {
  return Array.from(
    { length: rows },
    (_, i) =>
      Array.from({ length: columns }, (_, j) => randomSimilarity(i + 1, j + 1, dimensions).mean),
  );
}

/** φ of A between the updates of two adapters, the mean over their sites. */
export function meanOverSites(one: readonly LowRankUpdate[], two: readonly LowRankUpdate[]): Grid {
  return meanGrid(
    one.map(({ A }, i) => similarityGrid(rightDirections(A), rightDirections(two[i].A))),
  );
}
