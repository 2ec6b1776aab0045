/** What two adapters have in common, update by update. @module */

import { factorsInPlace } from "../analysis/input.ts";
import {
  principalAngles,
  randomSimilarity,
  rightDirections,
  similarityGrid,
  updateDirections,
} from "../analysis/mod.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { Random } from "../core/random.ts";
import { siteName } from "../core/site.ts";
import { gaussian } from "../linalg/mod.ts";

/**
 * Which directions are compared: those of A as in the paper, or the output or input directions of the
 * whole update.
 */
export const directionSpaces = ["A", "delta-left", "delta-right"] as const;

/** One of {@link directionSpaces}. */
export type DirectionSpace = typeof directionSpaces[number];

/** Two updates of the same name. */
export interface ComparedUpdate {
  /** Their name. */
  readonly name: string;
  /** φ(i, j) at [i − 1][j − 1], with i directions of the first adapter and j of the second. */
  readonly phi: readonly (readonly number[])[];
  /** Radians, smallest first. */
  readonly principalAngles: readonly number[];
  /** Dimensions d of the space; φ(i, j) is max(i, j) / d by chance. */
  readonly dimensions: number;
  /** The value by chance of the last φ, which has all directions. */
  readonly randomBaseline: number;
}

/**
 * Compares the updates that two adapters share by name, in the order of the first.
 *
 * @throws {RangeError} when they share none, or an update has different sizes in the two adapters.
 */
export function compareUpdates(
  one: readonly LowRankUpdate[],
  other: readonly LowRankUpdate[],
  space: DirectionSpace,
): ComparedUpdate[] {
  return sharedPairs(one, other).map(([first, second]) => comparePair(first, second, space));
}

/**
 * The updates that two adapters share by name, in the order of the first.
 *
 * @throws {RangeError} when they share none.
 */
function sharedPairs<Update extends LowRankUpdate>(
  one: readonly Update[],
  other: readonly Update[],
): [Update, Update][] {
  const others = new Map(other.map((update) => [siteName(update), update]));
  const pairs = one.filter((update) => others.has(siteName(update)));
  if (pairs.length === 0) refuseNoneShared([one, other].map(([update]) => siteName(update)));
  return pairs.map((update) => [update, others.get(siteName(update))!]);
}

/** Refuses adapters without a common module, by the name of an update of each. */
export function refuseNoneShared([first, second]: readonly string[]): never {
  throw new RangeError(
    `adapters to compare must share a module, found ${first} in one and ${second} in the other`,
  );
}

/**
 * Compares two updates of a module.
 *
 * @throws {RangeError} when they have different sizes.
 */
export function comparePair(
  one: LowRankUpdate,
  other: LowRankUpdate,
  space: DirectionSpace,
): ComparedUpdate {
  const [u, v] = [one, other].map((update) => directionsOf(update, space));
  if (u.columns !== v.columns) {
    throw new RangeError(
      `${siteName(one)} must be of one size in both adapters, found ${u.columns} and ${v.columns}`,
    );
  }
  return {
    name: siteName(one),
    phi: similarityGrid(u, v),
    principalAngles: principalAngles(u, v),
    dimensions: u.columns,
    randomBaseline: randomSimilarity(u.rows, v.rows, u.columns).mean,
  };
}

function directionsOf(update: LowRankUpdate, space: DirectionSpace) {
  // The whole update is checked, even if only A is used.
  if (space === "A") return rightDirections(factorsInPlace(update).A, siteName(update));
  const { left, right } = updateDirections(update);
  return space === "delta-left" ? left : right;
}

/** φ by chance at every position of a comparison's grid: max(i, j) / d. */
export function chanceOf({ phi, dimensions }: ComparedUpdate): number[][] {
  return phi.map((row, i) => row.map((_, j) => randomSimilarity(i + 1, j + 1, dimensions).mean));
}

/** Number of pairs of random subspaces that {@link chanceAngles} averages. */
export const chancePairs = 20;

/** Principal angles between independent random subspaces of the same sizes, in radians. */
export function chanceAngles({ phi, dimensions }: ComparedUpdate, seed: number): number[] {
  const random = new Random(seed), sizes = [phi.length, phi[0].length];
  const pairs = Array.from({ length: chancePairs }, () => {
    const [u, v] = sizes.map((size) => rightDirections(gaussian(size, dimensions, random)));
    return principalAngles(u, v);
  });
  return pairs[0].map((_, k) => pairs.reduce((sum, angles) => sum + angles[k], 0) / chancePairs);
}
