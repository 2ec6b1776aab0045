/** Rows of the encoder study, and the rule that reads them. @module */

import { mean } from "../../src/core/numbers.ts";
import { parPoints, rounding, seedNoise } from "../differences.ts";
import type { StudyMethod } from "./runs.ts";

/** Result of a reported run. */
export interface StudyRow {
  /** The task's name. */
  readonly task: string;
  /** The adapted places: `full`, `qv` or `all`. */
  readonly places: StudyMethod["places"];
  /** Rank of the updates; absent for full fine-tuning. */
  readonly rank?: number;
  /** The seed. */
  readonly seed: number;
  /** The rate that the search found. */
  readonly learningRate: number;
  /** Trained values, those of the head included. */
  readonly trained: number;
  /** Share of the reported texts whose most likely label is theirs, in percent. */
  readonly accuracy: number;
  /** Share of the reported texts that have the most frequent label, in percent. */
  readonly majority: number;
}

/** The runs of a method on a task. */
export interface StudyCell extends Pick<StudyRow, "task" | "places" | "rank"> {
  /** One for each seed. */
  readonly runs: readonly StudyRow[];
  /** Their mean accuracy, in percent. */
  readonly accuracy: number;
}

/** The cells of a task, and what they are compared with. */
export interface TaskResult {
  /** The task's name. */
  readonly task: string;
  /** Full fine-tuning, then LoRA. */
  readonly cells: readonly StudyCell[];
  /** The share of the most frequent label, in percent. */
  readonly majority: number;
  /**
   * Two standard errors of the difference of two cells' means, in points: 2 s √(2/n), with s² the variance
   * between seeds, pooled over the cells. NaN for a single seed.
   */
  readonly noise: number;
}

/** The rows by task, in their order. */
export function taskResults(rows: readonly StudyRow[]): TaskResult[] {
  return [...Map.groupBy(rows, ({ task }) => task)].map(([task, own]) => {
    const groups = Map.groupBy(own, ({ places, rank }) => `${places} ${rank}`);
    const cells = [...groups.values()].map((runs) => {
      const { places, rank } = runs[0];
      return { task, places, rank, runs, accuracy: mean(runs.map(({ accuracy }) => accuracy)) };
    });
    return { task, cells, majority: own[0].majority, noise: noiseOf(cells) };
  });
}

const noiseOf = (cells: readonly StudyCell[]): number =>
  seedNoise(cells.map(({ runs }) => runs.map(({ accuracy }) => accuracy)));

/** The cell of a method. */
export const cellOf = (
  { cells }: TaskResult,
  places: StudyRow["places"],
  rank?: number,
): StudyCell => cells.find((cell) => cell.places === places && cell.rank === rank)!;

/** One cell against another. */
export interface Comparison {
  /** The task's name. */
  readonly task: string;
  /** Difference of the first from the second, in points. */
  readonly points: number;
  /** The noise floor of that, in points. */
  readonly noise: number;
  /** True if it is at most 1.1 points below, the mark of decision 0021. */
  readonly isOnPar: boolean;
  /** True if it is nearer to that mark than the noise floor. */
  readonly isUndecided: boolean;
}

/** Compares two cells of a task. */
export function compareCells({ task, noise }: TaskResult, a: StudyCell, b: StudyCell): Comparison {
  const points = a.accuracy - b.accuracy, above = points + parPoints;
  return {
    ...{ task, points, noise },
    isOnPar: above >= -rounding,
    isUndecided: Math.abs(above) < noise,
  };
}

/** True if full fine-tuning makes at most half of the errors of the most frequent label. */
export const isLearned = (result: TaskResult): boolean =>
  100 - cellOf(result, "full").accuracy <= (100 - result.majority) / 2 + rounding;
