/** Numbers of texts of a run, and of passes over them (decision 0057). @module */

import { openStudy, type TextSizes, type TextStudy } from "./runs.ts";
import { findTextData, type TextTask, textTasks } from "./tasks.ts";

const training = { batch: 32, warmup: 0.06 };

/** All texts of a task: three passes over the smallest, so that each has from 235 to 459 steps. */
export const wholeSizes: Readonly<Record<string, TextSizes>> = {
  TREC: { ...training, train: 4881, validation: 500, test: 490, passes: 3 },
  SUBJ: { ...training, train: 7500, validation: 500, test: 2000, passes: 1 },
  "SST-2": { ...training, train: 6911, validation: 872, test: 1819, passes: 2 },
};

/** Passes of the search: one fewer. */
const searchPasses = (sizes: TextSizes) => ({ ...sizes, passes: sizes.passes - 1 });

/** Sizes of a quick run. */
const quickly = (sizes: TextSizes): TextSizes => ({
  ...sizes,
  ...{ train: 32, validation: 32, test: 32, passes: 1 },
});

const isTask = (wanted: string) => ({ name }: TextTask) => name === wanted;

/** The tasks that rates are searched on. */
export const searchedTasks: readonly TextTask[] = textTasks.filter(({ name }) => name !== "SUBJ");

/** The task of the study of few examples. */
export const fewTask: TextTask = textTasks.find(isTask("SST-2"))!;

/** Few examples, and passes over them: with 1,000 as many steps as the search has with all. */
export const fewPasses: Readonly<Record<number, number>> = { 100: 40, 1000: 7 };

/** The base and the tasks, if `LOWRANK_DATA` has them. */
async function opened(sizesOf: TextStudy["sizesOf"]): Promise<TextStudy | undefined> {
  const data = await findTextData();
  return data === undefined ? undefined : openStudy(data, sizesOf);
}

/** All texts, for reported runs. */
export const openWhole = (quick: boolean): Promise<TextStudy | undefined> =>
  opened(({ name }) => quick ? quickly(wholeSizes[name]) : wholeSizes[name]);

/** All texts, for the search. */
export const openSearched = (): Promise<TextStudy | undefined> =>
  opened(({ name }) => searchPasses(wholeSizes[name]));

/** So many texts of a task, of which the same number draws others. */
export const openFew = (
  examples: number,
  draw: number,
  quick: boolean,
): Promise<TextStudy | undefined> =>
  opened(({ name }) => {
    const sizes = { ...wholeSizes[name], train: examples, passes: fewPasses[examples], draw };
    return quick ? quickly(sizes) : sizes;
  });
