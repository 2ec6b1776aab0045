/** Methods on texts side by side, with all texts and with few, as the rules of decision 0057 read them. @module */

import { mean } from "../../../src/core/numbers.ts";
import type { ComparedMethods } from "../comparison.ts";
import { averageOf, type Difference, differenceOf, TextResult, type TextRow } from "./rows.ts";

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

/** Methods side by side at three numbers of examples. */
export interface FewComparison extends ComparedMethods {
  /** The three, as sizes: `100 texts`. */
  readonly sizes: readonly [fewest: string, more: string, all: string];
  /** Reported texts. */
  readonly texts: number;
  /** The share of the most frequent label, in percent. */
  readonly frequent: number;
  /** The mean accuracy of a method at a size, in percent. */
  meanOf(key: string, size: string): number;
  /** A method at a size less another there, or at another size. */
  difference(a: string, b: string, size: string, other?: string): Difference;
  /** The gap between prefixes and the others at the fewest, less the gap with all. */
  narrowing(): Difference;
}

/** The methods of (full + LoRA − the two prefixes) / 2. */
const gap = { full: 0.5, "lora-qv": 0.5, "prefix-embedding": -0.5, "prefix-layer": -0.5 };

/** The rows of all numbers of examples, side by side. */
export function compareFew(rows: readonly TextRow[]): FewComparison {
  const trained = rows.filter(({ family }) => family !== "baseline"), [{ texts }] = trained;
  const groups = [...Map.groupBy(trained, ({ size }) => size)];
  const results = new Map(groups.map(([size, own]) => [size, new TextResult(own, true)]));
  const sizes = [...results.keys()] as [string, string, string];
  const at = (key: string, size: string) => results.get(size)!.cell(key);
  return {
    ...{ sizes, texts },
    frequent: rows.find(({ key }) => key === "frequent")!.value,
    has: (...keys) => keys.every((key) => rows.some((row) => row.key === key)),
    meanOf: (key, size) => at(key, size).mean,
    difference: (a, b, size, other = size) => differenceOf([[at(a, size), 1], [at(b, other), -1]]),
    narrowing: () => {
      const [fewest, , all] = sizes;
      return differenceOf(
        Object.entries(gap).flatMap(([key, weight]) => [
          [at(key, fewest), weight],
          [at(key, all), -weight],
        ]),
      );
    },
  };
}
