/** φ of every module in a space, beside what chance gives. @module */

import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { rightDirections, similarityGrid } from "../../src/analysis/mod.ts";
import { largeRank, smallRank } from "./runs.ts";
import { gaussianControl, type Grid, meanGrid, phi, type Space, spaces } from "./spaces.ts";
import type { StudyModule } from "./study.ts";

/** φ between adapters; means over seeds or pairs. */
export interface Similarity {
  /** Between rank 8 (down) and rank 64 (across). */
  readonly ranks: Grid;
  /** Between two seeds at rank 64. */
  readonly seeds: Grid;
}

/** What was found for one module in one space. */
export interface ModuleSimilarity extends Similarity, Pick<StudyModule, "site" | "layer"> {
  /** Of Gaussian updates of the same shapes, in the same space. */
  readonly control: Similarity;
}

/** What was found in one space. */
export interface SpaceSimilarity {
  /** The space. */
  readonly space: Space;
  /** One for each module. */
  readonly modules: readonly ModuleSimilarity[];
  /** max(8, 8) / d in A, where Gaussian updates have to agree with it. */
  readonly chance?: number;
}

/** Pairs of seeds by their places: 11 and 12, 12 and 13, 11 and 13. */
const pairsOfSeeds = [[0, 1], [1, 2], [0, 2]] as const;

/** Seed of the Gaussian controls. */
const controlSeed = 7;

/** Every module's similarities in a space. A layer's modules have the same inputs and shapes: one control. */
export function similaritiesIn(space: Space, modules: readonly StudyModule[]): SpaceSimilarity {
  const controls = modules.filter(({ site }) => site === "q").map(({ layer, metric }) => {
    const draw = (rank: number) =>
      gaussianControl(space, metric, [rank, largeRank], controlSeed + layer);
    return { ranks: draw(smallRank), seeds: draw(largeRank) };
  });
  const chance = smallRank / modules[0].metric.activations.columns;
  return {
    space,
    modules: modules.map((module) => {
      const { site, layer } = module;
      return { site, layer, ...similarityOf(space, module), control: controls[layer] };
    }),
    ...(space === spaces.A && { chance }),
  };
}

function similarityOf(space: Space, { updates, metric }: StudyModule): Similarity {
  const [small, large] = [smallRank, largeRank].map((rank) =>
    updates.get(rank)!.map((update) => space.directions(update, metric))
  );
  return {
    ranks: meanGrid(small.map((one, seed) => similarityGrid(one, large[seed]))),
    seeds: meanGrid(pairsOfSeeds.map(([a, b]) => similarityGrid(large[a], large[b]))),
  };
}

/** φ of A between the updates of two adapters, the mean over their sites. */
export function meanOverSites(one: readonly LowRankUpdate[], two: readonly LowRankUpdate[]): Grid {
  return meanGrid(
    one.map(({ A }, i) => similarityGrid(rightDirections(A), rightDirections(two[i].A))),
  );
}

/** A module as figures name it: `q, layer 1`. */
export const labelOf = ({ site, layer }: ModuleSimilarity): string => `${site}, layer ${layer + 1}`;

/** The mean share of directions 2 to 8: (8 φ(8, 8) − φ(1, 1)) / 7. */
export function restShared({ ranks }: Pick<Similarity, "ranks">): number {
  return (8 * phi(ranks, 8, 8) - phi(ranks, 1, 1)) / 7;
}

/** φ above this is a shared direction: the paper's own word for figure 3. */
export const shared = 0.5;

/** The largest i with φ(i, i) ≥ 0.5 between two seeds; 0 where there is none. */
export function commonDirections({ seeds }: Pick<Similarity, "seeds">): number {
  const size = Math.min(seeds.length, seeds[0].length);
  for (let i = size; i >= 1; i--) if (phi(seeds, i, i) >= shared) return i;
  return 0;
}
