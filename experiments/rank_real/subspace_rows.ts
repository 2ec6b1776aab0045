/** φ of every module in every cell and space, beside Gaussian updates. @module */

import {
  gaussianSimilarity,
  inActivationMetric,
  type InputStatistics,
  type LowRankFactors,
  meanSimilarity,
  rightDirections,
  similarityGrid,
  updateDirections,
} from "../../src/analysis/mod.ts";
import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { type Grid, phi } from "../../src/analysis/subspaces.ts";
import type { DenseMatrix } from "../../src/linalg/mod.ts";
import { largeRank, smallRank } from "../rank_study/runs.ts";
import {
  controlPairs,
  type ModuleSimilarity,
  type Similarity,
  type SpaceSimilarity,
} from "../rank_study/subspace_rows.ts";
import { type Cell, nameOf, type Pair } from "./cells.ts";
import { type Site, siteOf } from "./updates.ts";

/** Where the paper looks; the two sides of ΔW; and ΔW's inputs as the layer gets them, S without its first direction. */
export const spaceNames = ["A", "ΔW, inputs", "ΔW, outputs", "ΔW·S^½ without its first"] as const;

/** The name of a space. */
export type SpaceName = (typeof spaceNames)[number];

/** The space of the inputs' metric. */
export const [inA, , , inMetric] = spaceNames;

type Space = (update: LowRankFactors, metric?: InputStatistics) => DenseMatrix;

const spaces: Readonly<Record<SpaceName, Space>> = {
  "A": ({ A }) => rightDirections(A),
  "ΔW, inputs": (update) => updateDirections(update).right,
  "ΔW, outputs": (update) => updateDirections(update).left,
  "ΔW·S^½ without its first": (update, metric) =>
    updateDirections(inActivationMetric(update, metric!)).right,
};

/** What was found in one cell and one space; means over the pairs that are there. */
export interface CellSimilarity extends SpaceSimilarity {
  /** Which adapters were compared. */
  readonly cell: Cell;
  /** φ(1, 1) of every pair of ranks, module by module: what the mean of the modules is of. */
  readonly tops: readonly (readonly number[])[];
}

/** The metric of a module's inputs. */
export type MetricOf = (module: string) => InputStatistics;

/** What each cell gives in each space; the metric's is left out where there is none. */
export function cellSimilarities(
  updates: ReadonlyMap<string, readonly LowRankUpdate[]>,
  cells: readonly Cell[],
  metricOf?: MetricOf,
): CellSimilarity[] {
  if (cells.length === 0) return [];
  const names = spaceNames.filter((name) => name !== inMetric || metricOf);
  const [first] = updates.values(), controls = new Controls();
  const found = cells.map(() => names.map((): PairedModule[] => []));
  first.forEach((update, place) => {
    const metric = metricOf?.(update.module), site = siteOf(update), out = update.B.shape[0];
    names.forEach((name, s) => {
      const directions = (one: string) => spaces[name](updates.get(one)![place], metric);
      const similarity = similarities(directions, cells);
      const control = controls.of(name, [out, update.A.shape[1]], site, metric);
      cells.forEach((_, c) => found[c][s].push({ ...site, ...similarity[c], control }));
    });
  });
  const dimensions = first[0].A.shape[1];
  return cells.flatMap((cell, c) =>
    names.map((space, s) => ({
      ...{ cell, space, modules: found[c][s], tops: byPair(found[c][s]) },
      ...space === inA && { chance: smallRank / dimensions },
    }))
  );
}

/** A module with φ(1, 1) of each pair of ranks. */
interface PairedModule extends ModuleSimilarity {
  readonly tops: readonly number[];
}

const byPair = (modules: readonly PairedModule[]): number[][] =>
  modules[0].tops.map((_, pair) => modules.map(({ tops }) => tops[pair]));

/** One module's in one space, cell by cell; each adapter's directions are found once. */
function similarities(
  directionsOf: (name: string) => DenseMatrix,
  cells: readonly Cell[],
): (Similarity & Pick<PairedModule, "tops">)[] {
  const known = new Map<string, DenseMatrix>();
  const directions = (name: string) => known.getOrInsertComputed(name, () => directionsOf(name));
  const grids = (pairs: readonly Pair[]): Grid[] =>
    pairs.map(([one, other]) => similarityGrid(directions(nameOf(one)), directions(nameOf(other))));
  const meanOf = (all: readonly Grid[]) => all.length === 0 ? [] : meanSimilarity(all);
  return cells.map(({ ranks, seeds }) => {
    const own = grids(ranks), tops = own.map((grid) => phi(grid, 1, 1));
    return { ranks: meanOf(own), seeds: meanOf(grids(seeds)), tops };
  });
}

/** Gaussian updates, once for each shape, or for each layer in the metric of its inputs. */
class Controls {
  readonly #known = new Map<string, Similarity>();

  /** The mean of some pairs in a space. */
  of(
    name: SpaceName,
    shape: readonly [out: number, inner: number],
    { layer }: Site,
    metric?: InputStatistics,
  ): Similarity {
    const place = name === inMetric ? layer : 0, seed = 7 + place;
    const at = (rank: number) =>
      gaussianSimilarity((update) => spaces[name](update, metric), {
        ...{ shape, seed, pairs: controlPairs, ranks: [rank, largeRank] },
      });
    return this.#known.getOrInsertComputed(
      `${name} ${name === inMetric ? layer : shape}`,
      () => ({ ranks: at(smallRank), seeds: at(largeRank) }),
    );
  }
}
