/** The reported runs on texts: their methods, rates and tasks. @module */

import type { PlannedRun } from "../../frame/mod.ts";
import { searchedMethods, triedOf } from "../chosen.ts";
import type { ChosenMethod } from "../comparison.ts";
import type { StudiedMethod } from "../methods.ts";
import { chooseMost, type ChosenRate, type TriedRates } from "../rates.ts";
import found from "./learning_rates.json" with { type: "json" };
import { fewMethods, ownSeed, textMethods } from "./methods.ts";
import { planText, type TextStudy } from "./runs.ts";
import { fewest, fewSearch, textRates } from "./search.ts";
import { fewTask } from "./sizes.ts";
import type { TextTask } from "./tasks.ts";

const tasks: Readonly<Record<string, Readonly<Record<string, TriedRates>>>> = found.tasks;

/** Rates that were tried on a task, or with few examples. */
const triedOn = (name: string) => ({ tried: tasks[name] ?? {} });

/** The rate with the highest accuracy on the texts to choose by. */
const rateOn = (name: string, method: StudiedMethod): ChosenRate =>
  chooseMost(triedOf(triedOn(name), method, textRates));

/** SUBJ has no search and takes the rates of SST-2: two labels, sentences on films, as many steps. */
export const textRateOf = ({ name }: TextTask, method: StudiedMethod): ChosenRate =>
  rateOn(name in tasks ? name : fewTask.name, method);

/** The fewest examples have a search of their own; more take the rates of all, with as many steps. */
export const fewRateOf = (examples: number, method: StudiedMethod): ChosenRate =>
  rateOn(examples === fewest ? fewSearch : fewTask.name, method);

const onTrec = searchedMethods(triedOn("TREC"), textMethods, textRates);

/** The methods with rates on all tasks. */
export const searched: readonly StudiedMethod[] =
  searchedMethods(triedOn(fewTask.name), onTrec.searched, textRates).searched;

/** Methods with rates at the fewest examples, too. */
export const fewSearched: readonly StudiedMethod[] = searchedMethods(
  triedOn(fewSearch),
  searched.filter((method) => fewMethods.includes(method)),
  textRates,
)
  .searched;

/** A method at a rate, on a task. */
export interface ChosenText extends ChosenMethod {
  /** The task. */
  readonly task: TextTask;
}

/** A reported run: the method's n-th seed is its own. */
export function planReported(
  study: TextStudy,
  task: TextTask,
  chosen: ChosenMethod,
): PlannedRun<ChosenText> {
  const { method, size: { spec }, learningRate } = chosen, seed = ownSeed(method, chosen.seed);
  const run = { task, method: { spec }, learningRate, seed, part: "test" } as const;
  return { ...planText(study, run, method.label), chosen: { ...chosen, task } };
}
