/** Methods side by side on every task, and on average. @module */

import { mean } from "../../../src/core/numbers.ts";
import type { Column } from "../../../src/figures/mod.ts";
import { type MethodCell, MethodComparison, type MethodRow } from "../comparison.ts";
import { type MeasuredValue, rateIn } from "../pictures.ts";
import { lora } from "./methods.ts";
import type { SkillRow } from "./reported.ts";
import { nearTask } from "./runs.ts";

/** Share of right answers. */
export const rightValue: MeasuredValue = {
  heading: "right answers (%)",
  best: "highest",
  unit: "percent",
  decimals: 1,
};

const isNear = ({ task }: SkillRow) => task === nearTask.name;

const isAveraged = (row: SkillRow) => !isNear(row);

/** The mean of each method, size and seed over the two tasks, on which rates differ: what methods are compared by. */
export const averageOfTasks = (rows: readonly SkillRow[]): MethodRow[] =>
  [
    ...Map.groupBy(rows.filter(isAveraged), ({ key, size, seed }) => `${key} ${size} ${seed}`)
      .values(),
  ].map((own) => {
    const { key, label, family, size, compared, seed, trained } = own[0];
    const value = mean(own.map(({ value }) => value));
    return { key, label, family, size, compared, seed, trained, value };
  });

/** Methods side by side on one task. */
export interface TaskComparison {
  /** The task's name. */
  readonly task: string;
  /** Reported texts. */
  readonly texts: number;
  /** The methods. */
  readonly compared: MethodComparison;
  /** The size of LoRA on q and v that was chosen on other texts. */
  readonly chosen?: string;
}

/** Methods side by side on average, with each task beside it. */
export type SkillComparison = MethodComparison & {
  /** The two tasks of the average. */
  readonly tasks: readonly TaskComparison[];
  /** Prefixes on the near task. */
  readonly near: MethodComparison;
};

/** The comparison with its tasks, in the order of the rows; on the near one the noise is pooled over all cells. */
export const withTasks = (
  compared: MethodComparison,
  rows: readonly SkillRow[],
): SkillComparison =>
  Object.assign(compared, {
    tasks: [...Map.groupBy(rows.filter(isAveraged), ({ task }) => task)].map(([task, own]) => ({
      ...{ task, texts: own[0].texts, chosen: chosenSize(own) },
      compared: new MethodComparison(own, rightValue.best),
    })),
    near: new MethodComparison(
      rows.filter(isNear),
      rightValue.best,
      ({ family }) => family !== "baseline",
    ),
  });

/** The size with the lowest loss of a search. */
function chosenSize(rows: readonly SkillRow[]): string | undefined {
  const sizes = rows.filter(({ key }) => key === lora);
  return sizes.toSorted((a, b) => a.validation! - b.validation!)[0]?.size;
}

/** Columns of each task: a cell's result and its rate; empty where it was not trained. */
export const taskColumns = (rows: readonly SkillRow[]): Column<MethodCell>[] =>
  [...Map.groupBy(rows, ({ task }) => task)].map(([task, own]) => {
    const compared = new MethodComparison(own, rightValue.best);
    const on = ({ key, size }: MethodCell): MethodCell | undefined => compared.cell(key, size);
    const rate = (cell: MethodCell) => {
      const found = on(cell);
      return found?.learningRate && `rate ${rateIn(found)}`;
    };
    return [task, task, "percent", (cell) => on(cell)?.mean, rate];
  });
