/** Rows of the runs on texts, and methods side by side, with all texts and with few, as the rules of decision 0057 read them. @module */

import { mean, standardDeviation } from "../../../src/core/numbers.ts";
import {
  freedomOf,
  noiseIn,
  parPoints,
  pooledVariance,
  rounding,
  signed,
} from "../../differences.ts";
import { deciding, intervalOf, type MadeRun, type Margin } from "../../frame/mod.ts";
import { fitBags, fitFrequent } from "../../supersenses/baselines.ts";
import type { SupersenseParts } from "../../supersenses/runs.ts";
import {
  baselineRow,
  type ComparedMethods,
  meansOverTasks,
  type MethodRow,
  methodRow,
} from "../comparison.ts";
import type { OwnColumns } from "../study.ts";
import type { ChosenText } from "./plan.ts";
import { answersIn, type TextStudy } from "./runs.ts";
import type { TextTask } from "./tasks.ts";

/** Result of a baseline. */
interface BaselineRow extends MethodRow {
  /** Accuracy on the texts to choose by, in percent. */
  readonly validation: number;
}

/**
 * The most frequent label, which is called `what`, and bags of words, fitted to the same texts.
 *
 * @param size Number of the texts, as the table shows it.
 */
const classifierBaselines = (
  parts: SupersenseParts,
  what: string,
  size: string,
): BaselineRow[] =>
  [fitFrequent(parts, what), ...fitBags(parts)].map(({ label, validation, test }, place) => {
    const key = place === 0 ? "frequent" : `bag-${place}`;
    const row = baselineRow({ key, label, size, value: 100 * test });
    return { ...row, validation: 100 * validation };
  });

/** Accuracy of a run, or of a baseline, on a task. */
export interface TextRow extends MethodRow {
  /** The task's name. */
  readonly task: string;
  /** Reported texts. */
  readonly texts: number;
  /** Texts that a run has right (`answersIn`); the order is the same for all runs. */
  readonly right?: string;
  /** Accuracy on the texts to choose by, in percent, of a baseline. */
  readonly validation?: number;
}

/** The row of a run. */
export function textRow(run: MadeRun<ChosenText>): TextRow {
  const { accuracy, texts } = run.metrics as Record<string, number>;
  const right = run.metrics.right as string;
  return { task: run.chosen.task.name, texts, ...methodRow(run, 100 * accuracy), right };
}

/** The most frequent label and bags of words on a task. */
export async function baselinesOn(study: TextStudy, task: TextTask): Promise<TextRow[]> {
  const parts = await study.texts(task), { length: texts } = parts.test.rows;
  return classifierBaselines(parts, "label", parts.train.description)
    .map((row) => ({ task: task.name, texts, ...row }));
}

/** The mean of each method and seed over the tasks, on which rates differ. */
export const averageOfTasks = (rows: readonly TextRow[]): MethodRow[] =>
  meansOverTasks(rows, ({ key, seed }) => `${key} ${seed}`);

/** Columns of rows on texts that other studies do not have. */
export const textColumns: OwnColumns<TextRow> = {
  before: [["task", "task", "text"]],
  after: [
    ["texts", "reported texts", "count"],
    ["validation", "on the texts to choose by", "percent"],
    ["right", "which texts are right, in hexadecimal digits", "data"],
  ],
};

/** A difference, in points. */
export interface Difference {
  /** The first less the second. */
  readonly points: number;
  /** The part of its variance that more seeds lessen; NaN for a single seed. */
  readonly seedVariance: number;
  /** Degrees of freedom that this part was estimated with; of a sum the fewest of its terms', as it has no fewer. */
  readonly freedom: number;
  /** The part that more texts lessen. */
  readonly textVariance: number;
  /** Seeds of each method. */
  readonly seeds: number;
}

/** Two standard errors of it, in points. */
export const noiseOf = ({ seedVariance, textVariance }: Difference): number =>
  2 * Math.sqrt(seedVariance + textVariance);

/** True if it is above 0 by more than its noise; with a single seed, at all. */
export const isAbove = (difference: Difference): boolean =>
  difference.points > (noiseOf(difference) || 0);

/** True if it is at most 1.1 points below 0 (decision 0021). */
export const isOnPar = ({ points }: Difference): boolean => points >= -parPoints - rounding;

/** `+0.4 ± 0.9`. */
export const shown = (difference: Difference): string =>
  signed(difference.points) + noiseIn(noiseOf(difference));

/** Margin of a rule that wants at least so many points. */
export const marginTo = (mark: number, difference: Difference): Margin => ({
  beyond: mark - difference.points,
  noise: noiseOf(difference),
  ofTexts: 2 * Math.sqrt(difference.textVariance),
  seeds: difference.seeds,
  freedom: difference.freedom,
});

/** Margin of a rule that wants all of several differences: of the one that is missed by the most, beside its interval. */
export const worstOf = (margins: readonly Margin[]): Margin =>
  margins.reduce((worst, next) =>
    next.beyond * intervalOf(worst) > worst.beyond * intervalOf(next) ? next : worst
  );

/** Differences nearer to their marks than their intervals, with the seeds or texts that would decide them. */
export function undecidedIn(margins: Readonly<Record<string, Margin>>): string {
  const all = Object.entries(margins);
  if (all.some(([, { noise }]) => Number.isNaN(noise))) return "One seed has no noise.";
  const open = all.filter(([, margin]) => Math.abs(margin.beyond) <= intervalOf(margin));
  const words = open.map(([name, margin]) => `${name} (${deciding(margin)})`).join("; ");
  return open.length === 0 ? "Decided by these seeds and texts." : `Undecided: ${words}.`;
}

/** The mean of differences on different texts. */
const averageOf = (all: readonly Difference[]): Difference => ({
  points: mean(all.map(({ points }) => points)),
  seedVariance: mean(all.map(({ seedVariance }) => seedVariance)) / all.length,
  textVariance: mean(all.map(({ textVariance }) => textVariance)) / all.length,
  seeds: Math.min(...all.map(({ seeds }) => seeds)),
  freedom: Math.min(...all.map(({ freedom }) => freedom)),
});

/** The runs of a method. */
interface TextCell {
  /** Their mean, in percent. */
  readonly mean: number;
  /** The variance of that mean between seeds; NaN for a single seed. */
  readonly variance: number;
  /** Degrees of freedom that it was estimated with, as it is pooled over the methods. */
  readonly freedom: number;
  /** Their number. */
  readonly seeds: number;
  /** Share of the seeds that have a text right, for each text. */
  readonly shares: readonly number[];
}

/** Methods on the same texts, trained on the same number of examples. */
class TextResult {
  readonly #runs: Map<string, readonly TextRow[]>;
  readonly #pooled: Pick<TextCell, "variance" | "freedom">;
  readonly #cells = new Map<string, TextCell>();

  /**
   * Reads the rows of a task.
   *
   * @param isPaired True if the n-th seed of all methods has the same texts to train on.
   */
  constructor(rows: readonly TextRow[], isPaired = false) {
    this.#runs = Map.groupBy(rows, ({ key }) => key);
    const trained = [...this.#runs.values()].filter(([{ family }]) => family !== "baseline");
    const values = trained.map((runs) => runs.map(({ value }) => value));
    this.#pooled = isPaired
      ? besideDraws(values)
      : { variance: pooledVariance(values), freedom: freedomOf(values) };
  }

  /** A method, by its key. */
  cell(key: string): TextCell {
    return this.#cells.getOrInsertComputed(key, () => {
      const runs = this.#runs.get(key)!, seeds = runs.length;
      const { variance, freedom } = this.#pooled;
      return {
        mean: mean(runs.map(({ value }) => value)),
        variance: variance / seeds,
        ...{ freedom, seeds },
        shares: sharesOf(runs),
      };
    });
  }
}

/** The sum of the means of some methods on the same texts, each times its weight. */
function differenceOf(terms: readonly (readonly [TextCell, weight: number])[]): Difference {
  const sumOf = (part: (cell: TextCell, weight: number) => number) =>
    terms.reduce((sum, [cell, weight]) => sum + part(cell, weight), 0);
  const [[{ shares }]] = terms, texts = shares.length;
  const each = shares.map((_, text) => sumOf((cell, weight) => weight * cell.shares[text]));
  return {
    points: sumOf(({ mean }, weight) => weight * mean),
    seedVariance: sumOf(({ variance }, weight) => weight ** 2 * variance),
    textVariance: (100 * standardDeviation(each)) ** 2 / texts,
    seeds: Math.min(...terms.map(([{ seeds }]) => seeds)),
    freedom: Math.min(...terms.map(([{ freedom }]) => freedom)),
  };
}

/** The variance between seeds that is left when the mean of each draw is taken out as well. */
function besideDraws(
  values: readonly (readonly number[])[],
): Pick<TextCell, "variance" | "freedom"> {
  const draws = values[0].map((_, draw) => mean(values.map((own) => own[draw])));
  const left = values.map((own) => own.map((value, draw) => value - draws[draw]));
  const freedom = freedomOf(left) * (values.length - 1) / values.length;
  return { variance: pooledVariance(left) * freedomOf(left) / freedom, freedom };
}

/** Share of the runs that have a text right, for each text. */
function sharesOf(runs: readonly TextRow[]): number[] {
  const answers = runs.map(({ right = "", texts }) => answersIn(right, texts));
  return answers[0].map((_, text) => mean(answers.map((own) => Number(own[text]))));
}

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
