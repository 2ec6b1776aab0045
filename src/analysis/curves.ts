/** Curves over the rank, or over anything else: where they bend, where they are low enough, where they cross. @module */

/** A height at a rank. */
export interface RankHeight {
  /** Rank of the update. */
  readonly rank: number;
  /** A loss, or what is left of one. */
  readonly value: number;
}

/**
 * The rank that is reached by the doubling that lowers the curve by the largest factor; `undefined` where no
 * rank is twice another.
 *
 * @example
 * ```ts
 * import { bendOf } from "@lowrank/core/analysis";
 *
 * const heights = { 1: 0.9, 2: 0.5, 4: 0.01, 8: 0.005 };
 * const curve = Object.entries(heights).map(([rank, value]) => ({ rank: Number(rank), value }));
 * console.log(bendOf(curve)); // 4
 * ```
 */
export function bendOf(curve: readonly RankHeight[]): number | undefined {
  const heights = new Map(curve.map(({ rank, value }) => [rank, value]));
  let bend: number | undefined, largest = 0;
  for (const { rank, value } of curve) {
    const before = heights.get(rank / 2);
    if (before === undefined || !(before / value > largest)) continue;
    [bend, largest] = [rank, before / value];
  }
  return bend;
}

/** The least rank whose value is at most `enough`; `undefined` where none is. */
export function neededRank(curve: readonly RankHeight[], enough: number): number | undefined {
  const ranks = curve.filter(({ value }) => value <= enough).map(({ rank }) => rank);
  return ranks.length === 0 ? undefined : Math.min(...ranks);
}

/**
 * The first place where the gap between two curves changes its sign, by a straight line between two of its
 * places, which rise; `undefined` for none.
 */
export function crossing(
  gaps: readonly { readonly x: number; readonly gap: number }[],
): number | undefined {
  for (let i = 1; i < gaps.length; i++) {
    const [a, b] = [gaps[i - 1], gaps[i]];
    if (a.gap === 0) return a.x;
    if (a.gap * b.gap < 0) return a.x + (b.x - a.x) * a.gap / (a.gap - b.gap);
  }
  return gaps.at(-1)?.gap === 0 ? gaps.at(-1)!.x : undefined;
}
