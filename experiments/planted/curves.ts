/** Where a curve over ranks bends, and which rank is enough. @module */

import type { RankPoint } from "../../src/figures/rank_curves.ts";

/** At most this share is left where a rank is enough; a twentieth, as docs/decisions/0013 says. */
export const enough = 0.05;

/** The rank that is reached by the doubling that lowers the curve by the largest factor. */
export function bendOf(curve: readonly RankPoint[]): number | undefined {
  const heights = new Map(curve.map(({ rank, value }) => [rank, value]));
  let bend: number | undefined, largest = 0;
  for (const { rank, value } of curve) {
    const before = heights.get(rank / 2);
    if (before === undefined || !(before / value > largest)) continue;
    [bend, largest] = [rank, before / value];
  }
  return bend;
}

/** The least rank of the curve that leaves little enough; `undefined` where none does. */
export function neededRank(curve: readonly RankPoint[]): number | undefined {
  const ranks = curve.filter(({ value }) => value <= enough).map(({ rank }) => rank);
  return ranks.length === 0 ? undefined : Math.min(...ranks);
}
