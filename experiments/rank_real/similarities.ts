/** φ of every module in every cell and space, beside Gaussian updates, and what is kept of it in numbers. @module */

import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import {
  activationsOf,
  gaussianSimilarity,
  inActivationMetric,
  type InputStatistics,
  type LowRankFactors,
  meanSimilarity,
  rightDirections,
  similarityGrid,
  updateDirections,
} from "../../src/analysis/mod.ts";
import { type Grid, phi } from "../../src/analysis/subspaces.ts";
import type { Device } from "../../src/device/device.ts";
import { secondMoments } from "../../src/inspect/mod.ts";
import { type DenseMatrix, rowsOf } from "../../src/linalg/mod.ts";
import { openBase } from "../methods/e2e/runs.ts";
import { largeRank, smallRank } from "../rank_study/runs.ts";
import {
  commonDirections,
  controlPairs,
  type ModuleSimilarity,
  restShared,
  type Similarity,
  type SpaceSimilarity,
} from "../rank_study/subspace_rows.ts";
import { type Cell, nameOf, type Pair } from "./cells.ts";
import { packed, unpacked } from "./rows.ts";
import type { RealTask } from "./task.ts";
import { type Site, siteOf } from "./update_lines.ts";

/** The paper's A; the two sides of ΔW; and ΔW's inputs as the layer gets them, S without its first direction. */
const spaceNames = ["A", "ΔW, inputs", "ΔW, outputs", "ΔW·S^½ without its first"] as const;

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

/** φ in one cell and one space; means over the pairs that are there. */
export interface CellSimilarity extends SpaceSimilarity {
  /** The compared adapters. */
  readonly cell: Cell;
  /** φ(1, 1) of every pair of ranks, module by module: what the mean of the modules is of. */
  readonly tops: readonly (readonly number[])[];
  /** The modules' common directions of two seeds, each run left out once; none of fewer than three runs. */
  readonly commonWithout: readonly (readonly number[])[];
}

/** The metric of a module's inputs. */
export type MetricOf = (module: string) => InputStatistics;

/** Updates by the name of their adapter. */
export type UpdatesByName = ReadonlyMap<string, readonly LowRankUpdate[]>;

/** φ of every cell in every space; the metric's is left out where there is none. */
export const cellSimilarities = (
  updates: UpdatesByName,
  cells: readonly Cell[],
  metricOf?: MetricOf,
): CellSimilarity[] =>
  similaritiesIn(
    spaceNames.filter((name) => name !== inMetric || metricOf),
    ...[updates, cells, metricOf] as const,
  );

/** φ of cells in A alone, as in the paper; before the first step ΔW is zero and has no directions. */
export const similaritiesInA = (
  updates: UpdatesByName,
  cells: readonly Cell[],
): CellSimilarity[] => similaritiesIn([inA], updates, cells);

function similaritiesIn(
  names: readonly SpaceName[],
  updates: UpdatesByName,
  cells: readonly Cell[],
  metricOf?: MetricOf,
): CellSimilarity[] {
  if (cells.length === 0) return [];
  const [first] = updates.values(), controls = new Controls();
  const found = cells.map(() => names.map((): (ModuleSimilarity & PartsOfModule)[] => []));
  first.forEach((update, place) => {
    const metric = metricOf?.(update.module), site = siteOf(update), out = update.B.shape[0];
    names.forEach((name, s) => {
      const directions = (one: string) => spaces[name](updates.get(one)![place], metric);
      const similarity = moduleSimilarities(directions, cells);
      const control = controls.of(name, [out, update.A.shape[1]], site, metric);
      cells.forEach((_, c) => found[c][s].push({ ...site, ...similarity[c], control }));
    });
  });
  const dimensions = first[0].A.shape[1];
  return cells.flatMap((cell, c) =>
    names.map((space, s) => ({
      ...{ cell, space, modules: found[c][s], ...turned(found[c][s]) },
      ...space === inA && { chance: smallRank / dimensions },
    }))
  );
}

/** Numbers of one module: of each pair of ranks, and with each run of the seeds left out. */
interface PartsOfModule {
  readonly tops: readonly number[];
  readonly commonWithout: readonly number[];
}

/** The same numbers pair by pair and run by run, a number for each module. */
function turned(modules: readonly PartsOfModule[]): Pick<CellSimilarity, keyof PartsOfModule> {
  const of = (key: keyof PartsOfModule) =>
    modules[0][key].map((_, part) => modules.map((module) => module[key][part]));
  return { tops: of("tops"), commonWithout: of("commonWithout") };
}

/**
 * Computes one module's similarities in one space, cell by cell; each adapter's directions are
 * found once.
 */
function moduleSimilarities(
  directionsOf: (name: string) => DenseMatrix,
  cells: readonly Cell[],
): (Similarity & PartsOfModule)[] {
  const known = new Map<string, DenseMatrix>();
  const directions = (name: string) => known.getOrInsertComputed(name, () => directionsOf(name));
  const grids = (pairs: readonly Pair[]): Grid[] =>
    pairs.map(([one, other]) => similarityGrid(directions(nameOf(one)), directions(nameOf(other))));
  const meanOf = (all: readonly Grid[]) => all.length === 0 ? [] : meanSimilarity(all);
  return cells.map(({ ranks, seeds }) => {
    const own = grids(ranks), ofSeeds = grids(seeds);
    return {
      ...{ ranks: meanOf(own), seeds: meanOf(ofSeeds) },
      tops: own.map((grid) => phi(grid, 1, 1)),
      commonWithout: withoutEachRun(seeds, ofSeeds)
        .map((left) => commonDirections({ seeds: meanOf(left) })),
    };
  });
}

/** Values of pairs of runs, once without each run; none of fewer than three runs, which leave no pair. */
export function withoutEachRun<T>(pairs: readonly Pair[], values: readonly T[]): T[][] {
  const runs = [...new Set(pairs.flatMap((pair) => pair.map(nameOf)))];
  if (runs.length < 3) return [];
  return runs.map((run) =>
    values.filter((_, i) => pairs[i].every((place) => nameOf(place) !== run))
  );
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

/** The numbers that are kept of a module and of its Gaussian updates. */
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

/** Similarities of two seeds. */
const ofSeeds: readonly SimilarityName[] = ["seedsTop", "seedsEighth", "common"];

/** The unit in which they are packed. */
export const similarityUnit = 1e-3;

/** One site in one cell and space: its numbers by layer, packed; under `gaussian` the largest of Gaussian updates. */
export interface CellLine extends Readonly<Partial<Record<SimilarityName, string>>> {
  readonly cell: string; // its name
  readonly at: number; // steps after which adapters are compared
  readonly steps: number; // steps of their runs
  readonly pairs: number; // of r = 8 and r = 64
  readonly space: SpaceName; // of the directions
  readonly site: Site["site"]; // q or v
  readonly gaussian: string; // in the order of the others, packed
  readonly source?: string; // commits, devices and dates of the adapters
}

/** The lines of cells, with the source of each where that is known. */
export function cellLines(
  found: readonly CellSimilarity[],
  sourceOf: (cell: Cell) => string | undefined = () => undefined,
): CellLine[] {
  return found.flatMap(({ cell, space, modules }) => {
    const { name, at, steps, ranks, seeds } = cell, source = sourceOf(cell);
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
        ...source !== undefined && { source },
      };
    });
  });
}

const unitOf = (key: SimilarityName) => key === "common" ? 1 : similarityUnit;

/** A number of every layer. */
export const cellLayers = (line: CellLine, key: SimilarityName): number[] =>
  unpacked(line[key]!, unitOf(key));

/** S of the base's inputs over the validation meanings, without its first eigenvector; q and v share theirs. */
export async function inputMetric(
  task: RealTask,
  device: Device,
  modules: readonly string[],
): Promise<MetricOf> {
  using base = await openBase(device, task.validation);
  const queries = modules.filter((module) => module.endsWith("q_proj"));
  const moments = await secondMoments(base, queries, await task.validation.measured("validation"));
  const known = new Map<string, ReturnType<MetricOf>>();
  return (module) => {
    const query = module.replace(/v_proj$/, "q_proj");
    return known.getOrInsertComputed(query, () => {
      const all = activationsOf(moments.get(query)!);
      return { activations: rowsOf(all, 1, all.rows - 1) };
    });
  };
}
