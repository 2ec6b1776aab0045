/** The α that gives a scaling. @module */

/**
 * The α whose quotient α/rank, as PEFT computes it in double precision, is exactly `scaling`; a whole
 * number where one does. Not every scaling has such an α: then the nearest, one part in 2⁵² off, which
 * is the same F32 factor but for ties.
 */
export function exactAlpha(scaling: number, rank: number): number {
  const alpha = scaling * rank;
  const step = 2 ** (Math.floor(Math.log2(Math.abs(alpha))) - 52);
  const candidates = [Math.round(alpha), alpha, ...[1, -1, 2, -2].map((k) => alpha + k * step)];
  return candidates.find((candidate) => candidate / rank === scaling) ?? alpha;
}
