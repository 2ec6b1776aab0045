/**
 * Reads differences of means: the noise between seeds, the mark of "on a par", and their signs.
 *
 * @module
 */

import { fromTo, mean, standardDeviation } from "../src/core/numbers.ts";

/** The most by which LoRA is behind full fine-tuning in the paper's table 2, in points (RoBERTa base, QQP). */
export const parPoints = 1.1;

/**
 * The most by which one rank is behind the best and "suffices" in the paper's table 6, as a share of the best one's
 * wrong answers (MNLI, q and v: 8.7 and 8.4%). With q alone, which needs a larger rank, it is 4.5% at least.
 */
export const enoughShare = 0.036;

/** {@link enoughShare} in percent. */
export const enoughPercent = `${(100 * enoughShare).toFixed(1)}%`;

/** Date of the rules that were rewritten because the paper's own numbers failed them. */
export const metThePaper = "2026-12-01, decision 0052";

/** Reason for which a loss at r = 1 is judged beyond the paper, whose table 6 has wrong answers (decision 0061). */
export const failsTable18 =
  "2026-12-01: judged as table 6 before; the paper's own table 18 fails it, 6.0%";

/** Whole texts are compared, so that a mark of 1.1 points is not missed by a rounding. */
export const rounding = 1e-9;

/**
 * The variance of a value between seeds, pooled over the groups; NaN for a single seed.
 *
 * @param groups The value of each seed, a group for each method.
 */
export function pooledVariance(groups: readonly (readonly number[])[]): number {
  const several = groups.filter(({ length }) => length > 1);
  const squares = several.map((values) => (values.length - 1) * standardDeviation(values) ** 2);
  return squares.reduce((sum, square) => sum + square, 0) / freedomOf(groups);
}

/** Degrees of freedom of that variance: a seed less than there are in each group. */
export const freedomOf = (groups: readonly (readonly number[])[]): number =>
  groups.reduce((sum, { length }) => sum + Math.max(0, length - 1), 0);

/**
 * Two standard errors of the difference of two means of n seeds: 2 s √(2/n), with s² the variance between seeds,
 * pooled over the groups, and n the size of the smallest one, as in a job that was cut some lack a seed. NaN for a
 * single seed.
 *
 * @param groups The value of each seed, a group for each method.
 */
export const seedNoise = (groups: readonly (readonly number[])[]): number =>
  2 * Math.sqrt(2 * pooledVariance(groups) / Math.min(...groups.map(({ length }) => length)));

/**
 * Two standard errors of the difference of two means of n and m seeds: 2 s √(1/n + 1/m), with s² pooled over all groups.
 *
 * @param one The n values of one mean.
 * @param other The m values of the other.
 * @param groups The value of each seed, a group for each method.
 */
export const unlikeNoise = (
  { values: one }: { readonly values: readonly number[] },
  { values: other }: { readonly values: readonly number[] },
  groups: readonly (readonly number[])[],
): number => 2 * Math.sqrt(pooledVariance(groups) * (1 / one.length + 1 / other.length));

/**
 * Two standard errors of such a difference where the seeds are shared, so that differences are paired: s² is what is
 * left of each value when its group's mean and its seed's mean are taken out. NaN for a single seed or group.
 *
 * @param groups The value of each seed, in the same order, a group for each method; seeds that one lacks are left out.
 */
export function pairedNoise(groups: readonly (readonly number[])[]): number {
  const seeds = Math.min(...groups.map(({ length }) => length));
  const freedom = (groups.length - 1) * (seeds - 1);
  if (freedom < 1) return NaN;
  const own = groups.map((values) => values.slice(0, seeds)), all = mean(own.flat());
  const bySeed = own[0].map((_, seed) => mean(own.map((values) => values[seed])));
  const squares = own.flatMap((values) =>
    values.map((value, seed) => (value - mean(values) - bySeed[seed] + all) ** 2)
  );
  const variance = squares.reduce((sum, square) => sum + square, 0) / freedom;
  return 2 * Math.sqrt(2 * variance / seeds);
}

/** The value that a share of all values reach. */
export const reachedBy = (values: readonly number[], share: number): number =>
  values.toSorted((a, b) => b - a)[Math.ceil(share * values.length - rounding) - 1];

/**
 * Distance of a value below the mark that it has to reach, with two standard errors over the values
 * of each seed or pair.
 *
 * @param seeds Number of independent values: fewer than there are if they are of pairs of runs.
 */
export const marginBelow = (
  mark: number,
  value: number,
  each: readonly number[],
  seeds: number = each.length,
): { readonly beyond: number; readonly noise: number; readonly seeds: number } => ({
  beyond: mark - value,
  noise: seeds > 1 ? 2 * standardDeviation(each) / Math.sqrt(seeds) : Infinity,
  seeds,
});

/** Two standard errors of a difference of two shares, in percent, of the same number of texts; in points. */
export function shareNoise(a: number, b: number, texts: number): number {
  const [p, q] = [a / 100, b / 100];
  return 200 * Math.sqrt((p * (1 - p) + q * (1 - q)) / texts);
}

/**
 * True if a share, in percent, is above another by more than two standard errors of their
 * difference.
 */
export const isShareAbove = (a: number, b: number, texts: number): boolean =>
  a - b > shareNoise(a, b, texts);

/** `+0.4`, `−1.2`. */
export const signed = (value: number, decimals = 1): string =>
  `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(decimals)}`;

/** `3.1 to 3.4%` of shares, or `3.1%`. */
export const percentRange = (shares: Iterable<number>, decimals: number): string =>
  `${fromTo(Array.from(shares, (share) => 100 * share), decimals).replaceAll("-", "−")}%`;

/** ` ± 0.8`; nothing where a single seed has no noise floor. */
export const noiseIn = (noise: number, decimals = 1): string =>
  Number.isNaN(noise) ? "" : ` ± ${noise.toFixed(decimals)}`;
