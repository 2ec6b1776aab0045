/** What every method gave on each task, and on average. @module */

import { mean } from "../../../src/core/numbers.ts";
import type { MadeRun } from "../../frame/mod.ts";
import type { StudyData } from "../../encoder_study/runs.ts";
import type { StudyTask } from "../../encoder_study/tasks.ts";
import { classifierBaselines } from "../baselines.ts";
import {
  type ChosenMethod,
  type MethodComparison,
  type MethodRow,
  methodRow,
} from "../comparison.ts";

/** What sets a run apart. */
export interface ChosenText extends ChosenMethod {
  /** The task. */
  readonly task: StudyTask;
}

/** What a run, or a baseline, gave on a task. */
export interface TextRow extends MethodRow {
  /** The task's name. */
  readonly task: string;
  /** Reported texts. */
  readonly texts: number;
  /** Accuracy on the texts to choose by, in percent, of a baseline. */
  readonly validation?: number;
}

/** The row of a run. */
export function textRow(run: MadeRun<ChosenText>): TextRow {
  const { accuracy, texts } = run.metrics as Record<string, number>;
  return { task: run.chosen.task.name, texts, ...methodRow(run, 100 * accuracy) };
}

/** The most frequent label and bags of words on a task. */
export async function baselinesOn(study: StudyData, task: StudyTask): Promise<TextRow[]> {
  const parts = await study.texts(task), { length: texts } = parts.test.rows;
  return classifierBaselines(parts, "label", parts.train.description)
    .map((row) => ({ task: task.name, texts, ...row }));
}

/** The mean of each method and seed over the tasks: what methods are compared by. */
export const averageOfTasks = (rows: readonly TextRow[]): MethodRow[] =>
  [...Map.groupBy(rows, ({ key, seed }) => `${key} ${seed}`).values()].map((own) => {
    const { task: _, texts: __, validation: ___, ...first } = own[0];
    return {
      ...first,
      trained: Math.round(mean(own.map(({ trained }) => trained))), // Heads have as many rows as labels.
      value: mean(own.map(({ value }) => value)),
    };
  });

/** A task, with what the rules read there beside the averages. */
export interface TaskFacts {
  /** Its name. */
  readonly task: string;
  /** Reported texts. */
  readonly texts: number;
  /** The mean accuracy of a method, in percent. */
  meanOf(key: string): number;
  /** The share of the most frequent label, in percent. */
  readonly frequent: number;
  /** The bag of words that did better on the texts to choose by. */
  readonly bag: TextRow;
}

/** The facts of each task, in the order of the rows. */
export const factsOf = (rows: readonly TextRow[]): TaskFacts[] =>
  [...Map.groupBy(rows, ({ task }) => task)].map(([task, own]) => {
    const meanOf = (key: string) => mean(own.filter((row) => row.key === key).map(valueOf));
    const bags = own.filter(({ key }) => key.startsWith("bag-"));
    const bag = bags.reduce((a, b) => b.validation! > a.validation! ? b : a);
    return { task, texts: own[0].texts, meanOf, frequent: meanOf("frequent"), bag };
  });

/** Methods side by side, with what the rules read on each task. */
export type TextComparison = MethodComparison & { readonly facts: readonly TaskFacts[] };

/** The comparison with the facts of its tasks. */
export const withFacts = (compared: MethodComparison, rows: readonly TextRow[]): TextComparison =>
  Object.assign(compared, { facts: factsOf(rows) });

const valueOf = ({ value }: MethodRow) => value;
