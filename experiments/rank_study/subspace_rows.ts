/** φ of every module in the spaces in which adapters are compared, next to chance. @module */

import { injectLora } from "../../src/adapt/mod.ts";
import {
  gaussianSimilarity,
  inActivationMetric,
  type InputSpread,
  inputSpread,
  type InputStatistics,
  type LowRankFactors,
  meanSimilarity,
  rightDirections,
  similarityGrid,
  updateDirections,
} from "../../src/analysis/mod.ts";
import { type Grid, phi } from "../../src/analysis/subspaces.ts";
import type { AdaptedModule } from "../../src/inspect/amplification_rows.ts";
import type { DenseMatrix } from "../../src/linalg/mod.ts";
import type { RunResult } from "../../src/runs/mod.ts";
import { loadBase } from "../base_model.ts";
import type { ExperimentContext } from "../frame/mod.ts";
import { loadStudy } from "./adapters.ts";
import { largeRank, seedAt, smallRank, subspaceSeeds } from "./runs.ts";

/** A way to take an update's directions, the largest first, one a row. */
type Space = (update: LowRankFactors, metric: InputStatistics) => DenseMatrix;

const metricSpace = "ΔW·S^½";

/**
 * Spaces to compare: the one that the paper reads, the one in which the layer acts, and ΔW's own
 * two sides.
 */
const spaces: Readonly<Record<string, Space>> = {
  "A": ({ A }) => rightDirections(A),
  [metricSpace]: (update, metric) => updateDirections(inActivationMetric(update, metric)).right,
  "ΔW, right": (update) => updateDirections(update).right,
  "ΔW, left": (update) => updateDirections(update).left,
};

/** φ between adapters; means over seeds or pairs. */
export interface Similarity {
  readonly ranks: Grid; // between rank 8 (down) and rank 64 (across)
  readonly seeds: Grid; // between two seeds at rank 64
}

/** Similarities of one module in one space. */
export interface ModuleSimilarity extends Similarity, Pick<AdaptedModule, "site" | "layer"> {
  readonly control: Similarity; // of Gaussian updates of the same shapes, in the same space
}

/** Similarities in one space. */
export interface SpaceSimilarity {
  readonly space: string; // `A`, `ΔW·S^½`
  readonly modules: readonly ModuleSimilarity[]; // one for each module
  readonly chance?: number; // max(8, 8) / d in A, where Gaussian updates have to agree with it
  readonly inputs?: readonly InputSpread[]; // of each layer's, in ΔW·S^½
}

/** Two spaces that are judged, two that are drawn, and the start of training. */
export type SubspaceRows = Awaited<ReturnType<typeof subspaceRows>>;

/** Reads the study and compares its updates. */
export async function subspaceRows(results: readonly RunResult[], context: ExperimentContext) {
  const modules = await loadStudy([smallRank, largeRank], results, context);
  const queries = modules.filter(({ site }) => site === "q");
  // Of a Gaussian update all spaces are alike by chance but that of the inputs' metric.
  const [plain, inMetric] = ["A", metricSpace].map((space) =>
    queries.map((module) => controlOf(spaces[space], module))
  );
  const found = Object.keys(spaces).map((space) =>
    similaritiesIn(space, modules, space === metricSpace ? inMetric : plain)
  );
  return { judged: found.slice(0, 2), drawn: found.slice(2), start: await startGrids(context) };
}

/** A layer's modules have the same inputs and shapes: they share a control. */
function similaritiesIn(
  space: string,
  modules: readonly AdaptedModule[],
  controls: readonly Similarity[],
): SpaceSimilarity {
  const found = modules.map((module) => {
    const { site, layer } = module;
    return { site, layer, ...similarityOf(spaces[space], module), control: controls[layer] };
  });
  const chance = space === "A" ? smallRank / modules[0].weight.columns : undefined;
  const inputs = space === metricSpace
    ? modules.filter(({ site }) => site === "q").map(({ metric }) => inputSpread(metric))
    : undefined;
  return { space, modules: found, chance, inputs };
}

/** Pairs of seeds by their places: 11 and 12, 12 and 13, 11 and 13. */
const pairsOfSeeds = [[0, 1], [1, 2], [0, 2]] as const;

function similarityOf(space: Space, { updates, metric }: AdaptedModule): Similarity {
  const [small, large] = [smallRank, largeRank].map((rank) =>
    updates.get(rank)!.map((update) => space(update, metric))
  );
  return {
    ranks: meanSimilarity(small.map((one, seed) => similarityGrid(one, large[seed]))),
    seeds: meanSimilarity(pairsOfSeeds.map(([a, b]) => similarityGrid(large[a], large[b]))),
  };
}

/** Pairs of random updates that a control is the mean of. */
export const controlPairs = 20;

function controlOf(space: Space, { layer, metric, weight }: AdaptedModule): Similarity {
  const shape = [weight.rows, weight.columns] as const, seed = 7 + layer, pairs = controlPairs;
  const at = (rank: number) =>
    gaussianSimilarity((update) => space(update, metric), {
      ...{ shape, seed, pairs },
      ranks: [rank, largeRank],
    });
  return { ranks: at(smallRank), seeds: at(largeRank) };
}

/** φ of A before the first step, the mean over q and v, where seeds differ and where they are equal. */
export async function startGrids({ device }: Pick<ExperimentContext, "device">) {
  using base = await loadBase(device);
  const directionsAt = async (rank: number, seed: number) => {
    using adapter = injectLora(base, { rank, sites: ["q", "v"], seed });
    return (await adapter.read()).map(({ A }) => rightDirections(A));
  };
  const [seed] = subspaceSeeds, small = await directionsAt(smallRank, seed);
  const phiAt = async (seed: number) => {
    const large = await directionsAt(largeRank, seed);
    return meanSimilarity(small.map((one, i) => similarityGrid(one, large[i])));
  };
  const different = await phiAt(seedAt(largeRank, seed)), equal = await phiAt(seed);
  return { different, equal, width: small[0].columns };
}

/** The mean share of directions 2 to 8: (8 φ(8, 8) − φ(1, 1)) / 7. */
export function restShared({ ranks }: Pick<Similarity, "ranks">): number {
  return (8 * phi(ranks, 8, 8) - phi(ranks, 1, 1)) / 7;
}

/** φ above this is a shared direction: the paper's own word for figure 3. */
export const shared = 0.5;

/** The largest i with φ(i, i) ≥ 0.5 between two seeds; 0 where there is none. */
export function commonDirections({ seeds }: Pick<Similarity, "seeds">): number {
  return seeds.findLastIndex((row, i) => row[i] >= shared) + 1;
}
