/** Rows of the runs on texts. @module */

import { mean } from "../../../src/core/numbers.ts";
import type { MadeRun } from "../../frame/mod.ts";
import { classifierBaselines } from "../baselines.ts";
import { type MethodRow, methodRow } from "../comparison.ts";
import type { OwnColumns } from "../pictures.ts";
import type { ChosenText } from "./reported.ts";
import type { TextStudy } from "./runs.ts";
import type { TextTask } from "./tasks.ts";

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
  [...Map.groupBy(rows, ({ key, seed }) => `${key} ${seed}`).values()].map((own) => {
    const { key, label, family, size, compared, seed } = own[0];
    const trained = Math.round(mean(own.map(({ trained }) => trained))); // Heads have as many rows as labels.
    const value = mean(own.map(({ value }) => value));
    return { key, label, family, size, compared, seed, trained, value };
  });

/** Columns of rows on texts that other studies do not have. */
export const textColumns: OwnColumns<TextRow> = {
  before: [["task", "task", "text"]],
  after: [
    ["texts", "reported texts", "count"],
    ["validation", "on the texts to choose by", "percent"],
    ["right", "which texts are right, in hexadecimal digits", "data"],
  ],
};
