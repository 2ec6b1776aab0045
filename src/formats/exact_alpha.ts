/** The α that yields a given scaling. @module */

import type { LowRankFactors } from "../core/low_rank_update.ts";

/**
 * The α whose quotient α/divisor, as PEFT computes it in double precision, is exactly `scaling`; an
 * integer if possible. Not every scaling has such an α. Then it is the nearest, off by one part in 2⁵²,
 * which rounds to the same F32 factor except for ties.
 */
export function exactAlpha(scaling: number, divisor: number): number {
  const alpha = scaling * divisor;
  const step = 2 ** (Math.floor(Math.log2(Math.abs(alpha))) - 52);
  const candidates = [Math.round(alpha), alpha, ...[1, -1, 2, -2].map((k) => alpha + k * step)];
  return candidates.find((candidate) => candidate / divisor === scaling) ?? alpha;
}

/** α of an update: scaling · r, or scaling · √r if it is rank-stabilized. */
export function alphaOf(
  { A: { shape: [rank] }, scaling }: LowRankFactors,
  { rankStabilized = false }: { readonly rankStabilized?: boolean } = {},
): number {
  return exactAlpha(scaling, rankStabilized ? Math.sqrt(rank) : rank);
}
