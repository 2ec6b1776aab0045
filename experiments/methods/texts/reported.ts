/** The reported runs on texts: their methods, rates and tasks. @module */

import { type StudyTask, studyTasks } from "../../encoder_study/tasks.ts";
import { searchedMethods, triedOf } from "../chosen.ts";
import type { StudiedMethod } from "../methods.ts";
import { chooseMost, type ChosenRate } from "../rates.ts";
import found from "./learning_rates.json" with { type: "json" };
import { textMethods } from "./methods.ts";
import { meansOfTasks, textRates } from "./search.ts";

const rates = meansOfTasks(found);

/** The methods with a rate, and which are left out. */
export const { searched, leftOut } = searchedMethods(rates, textMethods, textRates);

/** The rate with the highest accuracy on the texts to choose by, on average over the searched tasks. */
export const textRateOf = (method: StudiedMethod): ChosenRate =>
  chooseMost(triedOf(rates, method, textRates));

/** All tasks; a quick run has one. */
export const textTasks = (quick: boolean): readonly StudyTask[] =>
  studyTasks.slice(0, quick ? 1 : undefined);
