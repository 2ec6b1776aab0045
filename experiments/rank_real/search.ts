/** The rate of every method: half-decades around a guess, further where an end is best. @module */

import { chooseLeast, type ChosenRate, ratesAround, type TriedRates } from "../methods/rates.ts";

/** Rates that a search begins with, and how often it goes one further. */
export const firstRates = 3, mostFurther = 2;

/** What a rate gives: its loss, or `null` where training diverged. */
export type TryRate = (learningRate: number) => Promise<number | null>;

/** Tries three rates, and beyond the end that is best until one inside is, at most twice. */
export async function searchRate(prior: number, tryRate: TryRate): Promise<TriedRates> {
  const tried: Record<string, number | null> = {};
  let grid = ratesAround(prior, firstRates);
  for (let further = 0;; further++) {
    for (const rate of grid) if (!(rate in tried)) tried[rate] = await tryRate(rate);
    const next = nextRate(tried);
    if (next === undefined || further === mostFurther) return tried;
    grid = [next];
  }
}

/** The half-decade beyond the best rate, where that is an end. */
function nextRate(tried: TriedRates): number | undefined {
  const { learningRate, end } = chooseLeast(tried);
  if (end === "highest") return ratesAround(learningRate, 1 + 1)[1];
  return end === "lowest" ? ratesAround(learningRate, 3)[0] : undefined;
}

/** The rate that was best. */
export const chosenRate = (tried: TriedRates): ChosenRate => chooseLeast(tried);
