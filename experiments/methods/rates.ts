/** The grids of rates: as many for every method, around a guess that was written down before. @module */

/** 1e-5, 3e-5, 1e-4, …, 3: half-decades, as exact decimals. */
const ladder = [-5, -4, -3, -2, -1, 0].flatMap((
  power,
) => [Number(`1e${power}`), Number(`3e${power}`)]);

/**
 * The rates around a guess: one above it, the others below.
 *
 * @throws {RangeError} when the guess, or a rate, is not a half-decade from 1e-5 to 3.
 */
export function ratesAround(prior: number, count: number): readonly number[] {
  const end = ladder.indexOf(prior) + 2, rates = ladder.slice(Math.max(0, end - count), end);
  if (end >= 2 && rates.length === count) return rates;
  throw new RangeError(`a grid of ${count} rates needs a prior of its ladder, found ${prior}`);
}

/** Results of a search for a method: one for each rate, `null` where training diverged. */
export type TriedRates = Readonly<Record<string, number | null>>;

/** A rate that was chosen. */
export interface ChosenRate {
  /** The rate. */
  readonly learningRate: number;
  /** The end of the grid that it is at, if it is at one: a rate beyond may be better. */
  readonly end?: "lowest" | "highest";
}

/** The rate that gave the least; of equals the lower rate. A training that diverged gave the most. */
export function chooseLeast(tried: TriedRates): ChosenRate {
  const rates = Object.keys(tried).map(Number).sort((a, b) => a - b);
  const of = (rate: number) => tried[rate] ?? Infinity;
  return withEnd(rates.reduce((best, next) => of(next) < of(best) ? next : best), rates);
}

/** One of the tried rates, which rise, with the end that it is at. */
export function withEnd(learningRate: number, rates: readonly number[]): ChosenRate {
  if (learningRate === rates[0]) return { learningRate, end: "lowest" };
  return learningRate === rates.at(-1) ? { learningRate, end: "highest" } : { learningRate };
}

/** The rate that gave the most; of equals the lower rate. */
export const chooseMost = (tried: TriedRates): ChosenRate =>
  chooseLeast(
    Object.fromEntries(
      Object.entries(tried).map(([rate, value]) => [rate, value === null ? null : -value]),
    ),
  );

/** The next rate of the ladder beyond one that is at an end of its grid; none where the ladder ends. */
export function rateBeyond({ learningRate, end }: ChosenRate): readonly number[] {
  const place = ladder.indexOf(learningRate) + (end === "lowest" ? -1 : 1);
  return end && place >= 0 ? ladder.slice(place, place + 1) : [];
}
