/** The reported runs on kinds of nouns, and their rows. @module */

import type { MadeRun, PlannedRun } from "../../frame/mod.ts";
import { searchedMethods, triedOf } from "../chosen.ts";
import { type ChosenMethod, type MethodRow, methodRow } from "../comparison.ts";
import type { StudiedMethod } from "../methods.ts";
import { chooseMost, type ChosenRate } from "../rates.ts";
import found from "./learning_rates.json" with { type: "json" };
import { kindsMethods } from "./methods.ts";
import { planKinds } from "./runs.ts";
import { kindsRates } from "./search.ts";

/** The methods with a rate, and which are left out. */
export const { searched, leftOut } = searchedMethods(found, kindsMethods, kindsRates);

/** The rate with the highest accuracy on the entries to choose by. */
export const kindsRateOf = (method: StudiedMethod): ChosenRate =>
  chooseMost(triedOf(found, method, kindsRates));

/** A reported run. */
export function planReported(
  chosen: ChosenMethod,
  quick: boolean,
  examples?: number,
): PlannedRun<ChosenMethod> {
  const { method, learningRate, seed } = chosen;
  return { ...planKinds(method, { learningRate, seed, part: "test", examples, quick }), chosen };
}

/** Its row, with the share of the entries whose kind is found in percent. */
export const kindsRow = (run: MadeRun<ChosenMethod>): MethodRow =>
  methodRow(run, 100 * (run.metrics.accuracy as number));
