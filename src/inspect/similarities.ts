/** The φ of two adapters that say most, beside chance. @module */

import { blockSimilarity, randomSimilarity } from "../analysis/mod.ts";
import { phi } from "../analysis/subspaces.ts";
import { mean } from "../core/numbers.ts";
import type { ComparedUpdate } from "./compare.ts";
import { byKind } from "./kinds.ts";

/** A φ, and what it is of random directions. */
export interface Similarity {
  /** φ. */
  readonly value: number;
  /** The number of directions of the larger set over the dimensions. */
  readonly byChance: number;
}

/** Directions of both updates, as many as Figure 3 of the paper has of its adapter of rank 8. */
export const leadingCount = 8;

/** φ of parts of two updates' directions. */
export interface Similarities {
  /** φ(1, 1), of the first direction of each. */
  readonly first: Similarity;
  /** φ(2..8), of the second to the eighth alone: whether more than the first is shared. None of fewer than 8. */
  readonly following?: Similarity;
  /** φ(8, 8). None of fewer than 8. */
  readonly leading?: Similarity;
  /** φ of all. */
  readonly all: Similarity;
}

/** Headings, in the order of a table. */
export const similarityTitles: Readonly<Record<keyof Similarities, string>> = {
  first: "φ(1, 1)",
  following: `φ(2..${leadingCount})`,
  leading: `φ(${leadingCount}, ${leadingCount})`,
  all: "φ of all",
};

/** Their names, in that order. */
export const similarityNames = Object.keys(similarityTitles) as readonly (keyof Similarities)[];

/** The φ of a comparison that a table shows. */
export function similaritiesOf({ phi: grid, dimensions }: ComparedUpdate): Similarities {
  const [rows, columns] = [grid.length, grid[0].length];
  const between = (i: number, j: number): Similarity => ({
    value: phi(grid, i, j),
    byChance: randomSimilarity(i, j, dimensions).mean,
  });
  const ends = { first: between(1, 1), all: between(rows, columns) };
  if (Math.min(rows, columns) < leadingCount) return ends;
  const following = {
    value: blockSimilarity(grid, 2, leadingCount),
    byChance: randomSimilarity(leadingCount - 1, leadingCount - 1, dimensions).mean,
  };
  return { ...ends, following, leading: between(leadingCount, leadingCount) };
}

/** Means over the compared updates of one kind of layer. */
export interface SimilarityOfKind extends Similarities {
  /** The end of their names after the last number: `self_attn.q_proj`. */
  readonly kind: string;
  /** Number of modules. */
  readonly sites: number;
}

/**
 * Means by kind of layer, in the order in which kinds first occur: φ is at most 1, so that no layer outweighs the
 * others, and the mean of chance is the chance of the mean. A φ that not all of a kind have is left out.
 */
export function similaritiesByKind(compared: readonly ComparedUpdate[]): SimilarityOfKind[] {
  return Array.from(byKind(compared), ([kind, own]) => {
    const rows = own.map(similaritiesOf);
    const [first, following, leading, all] = similarityNames.map((name) =>
      meanOf(rows.map((row) => row[name]))
    );
    return {
      ...{ kind, sites: own.length, first: first!, all: all! },
      ...following && { following },
      ...leading && { leading },
    };
  });
}

function meanOf(found: readonly (Similarity | undefined)[]): Similarity | undefined {
  const all = found.filter((one) => one !== undefined);
  if (all.length < found.length) return undefined;
  const of = (key: keyof Similarity) => mean(all.map((one) => one[key]));
  return { value: of("value"), byChance: of("byChance") };
}
