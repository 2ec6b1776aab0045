/** The rate of every method: its search, and the runs of a job at the rate that was found. @module */

import type { Json, JsonRecord } from "../../src/runs/mod.ts";
import type { PlannedRun, RunContext } from "../../src/runs/plan.ts";
import { searchSeed as seed, tryRates } from "../rate_search.ts";
import type { ChosenMethod, MethodSize, StudiedMethod } from "./comparison.ts";
import { type ChosenRate, ratesAround, type TriedRates } from "./rates.ts";

/** Runs of a search, and the result that is kept of each. */
interface MethodSearch {
  /** The methods. */
  readonly methods: readonly StudiedMethod[];
  /** Rates around the prior of each. */
  readonly count: number;
  /** The run of a method at a rate, with the seed of searches, on what is not reported. */
  planned(method: StudiedMethod, learningRate: number): PlannedRun;
  /** Reads the result that is kept out of a run's metrics. */
  read(metrics: JsonRecord): Json | undefined;
}

/** Tries rates of each method: the result of each rate, by the method's key. */
export async function searchMethods(
  { methods, count, planned, read }: MethodSearch,
  context: RunContext,
): Promise<JsonRecord> {
  const tried: Record<string, JsonRecord> = {};
  for (const method of methods) {
    const run = (learningRate: number) => planned(method, learningRate);
    tried[method.key] = await tryRates(ratesAround(method.prior, count), run, read, context);
  }
  return { split: "validation", seed, tried };
}

/** Rates in the file of a search. */
interface FoundRates {
  /** Result of each rate, by the method's key. */
  readonly tried: Readonly<Record<string, TriedRates>>;
}

/** Every method with every seed: all methods before the next seed, so that a job that is cut has whole seeds. */
export const withSeeds = (
  sizes: readonly SizedMethod[],
  seeds: readonly number[],
  rateOf: (method: StudiedMethod) => ChosenRate,
): ChosenMethod[] =>
  seeds.flatMap((seed) =>
    sizes.map(([method, size]) => ({ method, size, seed, ...rateOf(method) }))
  );

/** A method at one of its sizes. */
export type SizedMethod = readonly [method: StudiedMethod, size: MethodSize];

/** All methods at the sizes that they are compared at. */
export const comparedSizes = (methods: readonly StudiedMethod[]): SizedMethod[] =>
  methods.map((method) => [method, method.sizes[0]]);

/** All sizes of all methods, those at which they are compared first. */
export const allSizes = (methods: readonly StudiedMethod[]): SizedMethod[] => [
  ...comparedSizes(methods),
  ...methods.flatMap((method) => method.sizes.slice(1).map((size): SizedMethod => [method, size])),
];

/** The methods of a study, and those that are left out of it. */
interface SearchedMethods {
  /** Those with a rate for every place of their grid. */
  readonly searched: readonly StudiedMethod[];
  /** A sentence with the names of the others; empty where there are none. */
  readonly leftOut: string;
}

/** Divides methods by whether a search has tried their whole grid. */
export function searchedMethods(
  { tried }: FoundRates,
  methods: readonly StudiedMethod[],
  count: number,
): SearchedMethods {
  const isSearched = ({ key, prior }: StudiedMethod) =>
    ratesAround(prior, count).every((rate) => rate in (tried[key] ?? {}));
  const others = methods.filter((method) => !isSearched(method)).map(({ label }) => label);
  return {
    searched: methods.filter(isSearched),
    leftOut: others.length === 0
      ? ""
      : ` Left out, as the search of their rate is not made: ${others.join(", ")}.`,
  };
}

/**
 * The rates that a search tried of a method.
 *
 * @throws {RangeError} when it is not the whole grid.
 */
export function triedOf(
  { tried }: FoundRates,
  { key, prior }: StudiedMethod,
  count: number,
): TriedRates {
  const found = tried[key] ?? {},
    missing = ratesAround(prior, count).filter((rate) => !(rate in found));
  if (missing.length === 0) return found;
  throw new RangeError(
    `${key} needs a search of all of its rates, found none of ${missing.join(", ")}`,
  );
}
