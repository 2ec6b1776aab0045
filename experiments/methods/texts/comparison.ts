/** Methods on texts side by side, as the rules of decision 0057 read them. @module */

import { mean } from "../../../src/core/numbers.ts";
import type { ComparedMethods } from "../claims.ts";
import { averageOf, type Difference, differenceOf, TextResult } from "./differences.ts";
import type { TextRow } from "./rows.ts";

/** Values of a task that rules read. */
export interface TaskFacts {
  /** Its name. */
  readonly task: string;
  /** Reported texts. */
  readonly texts: number;
  /** The share of the most frequent label, in percent. */
  readonly frequent: number;
  /** Accuracy of the bag of words that did better on the texts to choose by. */
  readonly bag: number;
  /** The mean accuracy of a method, in percent. */
  meanOf(key: string): number;
  /** The first method less the second. */
  difference(a: string, b: string): Difference;
}

/** Methods side by side. */
export interface TextComparison extends ComparedMethods {
  /** Tasks in the order of the rows. */
  readonly tasks: readonly TaskFacts[];
  /** The mean of a method over the tasks, in percent. */
  averageOf(key: string): number;
  /** Average of the first method less that of the second. */
  difference(a: string, b: string): Difference;
}

/** The rows of all tasks, side by side. */
export function compareTexts(rows: readonly TextRow[]): TextComparison {
  const tasks = [...Map.groupBy(rows, ({ task }) => task).values()].map(factsOf);
  return {
    tasks,
    has: (...keys) => keys.every((key) => rows.some((row) => row.key === key)),
    averageOf: (key) => mean(tasks.map(({ meanOf }) => meanOf(key))),
    difference: (a, b) => averageOf(tasks.map(({ difference }) => difference(a, b))),
  };
}

function factsOf(rows: readonly TextRow[]): TaskFacts {
  const result = new TextResult(rows), [{ task, texts }] = rows;
  const bags = rows.filter(({ key }) => key.startsWith("bag-"));
  return {
    ...{ task, texts },
    frequent: result.cell("frequent").mean,
    bag: bags.reduce((a, b) => b.validation! > a.validation! ? b : a).value,
    meanOf: (key) => result.cell(key).mean,
    difference: (a, b) => differenceOf([[result.cell(a), 1], [result.cell(b), -1]]),
  };
}
