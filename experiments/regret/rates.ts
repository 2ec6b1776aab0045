/** The rates that the search found. @module */

import { mean } from "../../src/core/numbers.ts";
import found from "./learning_rates.json" with { type: "json" };
import { factCounts, type Setting } from "./methods.ts";

/** Losses by seed and rate; `null` where training diverged. */
export type TriedLosses = Readonly<Record<string, Readonly<Record<string, number | null>>>>;

/** The key of a setting's search: one with the most facts serves both numbers. */
export const settingKey = ({ part, method, size }: Setting): string =>
  `${part} ${part === "facts" ? factCounts[1] : size} ${method.key}`;

/** A rate with its loss for each seed. */
export interface TriedRate {
  /** The rate. */
  readonly rate: number;
  /** One for each seed of the search; infinite where training diverged. */
  readonly losses: readonly number[];
}

/** The tried rates with their losses, rates rising. */
export function triedRates(tried: TriedLosses): TriedRate[] {
  const seeds = Object.values(tried);
  return Object.keys(seeds[0]).map((key) => {
    return { rate: Number(key), losses: seeds.map((losses) => losses[key] ?? Infinity) };
  }).sort((a, b) => a.rate - b.rate);
}

/** The place of the rate with the lowest mean loss; of equals, the lowest rate. */
export function lowestPlace(tried: TriedLosses): number {
  const means = triedRates(tried).map(({ losses }) => mean(losses));
  return means.indexOf(Math.min(...means));
}

/**
 * The rate of each seed's lowest loss between the grid's points: the vertex of the parabola through
 * the three rates around the best of the means, in log₁₀ of the rate, and not outside of them.
 */
export function bestExponents(tried: TriedLosses): number[] {
  const place = lowestPlace(tried), near = triedRates(tried).slice(place - 1, place + 2);
  const x = near.map(({ rate }) => Math.log10(rate));
  return near[0].losses.map((_, seed) => lowestOf(x, near.map(({ losses }) => losses[seed])));
}

/** The lowest point of the parabola through three points, within them. */
function lowestOf([a, b, c]: readonly number[], [u, v, w]: readonly number[]): number {
  if (![u, v, w].every(Number.isFinite)) return v <= Math.min(u, w) ? b : u < w ? a : c;
  const [left, right] = [(v - u) / (b - a), (w - v) / (c - b)];
  const bend = (right - left) / (c - a);
  if (!(bend > 0)) return u < w ? a : c;
  return Math.min(c, Math.max(a, (a + b) / 2 - left / (2 * bend)));
}

const all: Readonly<Record<string, TriedLosses>> = found.tried;

/** The losses that the search found with a setting. */
export const triedWith = (setting: Setting): TriedLosses => all[settingKey(setting)];

/** The rate of a setting's reported runs: the lowest mean loss of the search. */
export function rateOf(setting: Setting): number {
  const tried = triedWith(setting);
  return triedRates(tried)[lowestPlace(tried)].rate;
}
