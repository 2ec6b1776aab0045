/** Compares the methods of each task side by side, for the rules of decision 0033. @module */

import { mean } from "../../../src/core/numbers.ts";
import { noiseIn, seedNoise, signed } from "../../differences.ts";
import { type MethodCell, MethodComparison, type MethodRow } from "../../methods/comparison.ts";
import { accuracyValue, lossValue, type MeasuredValue } from "../../methods/pictures.ts";
import type { LossRow } from "./rows.ts";
import type { LossMethod } from "./tasks.ts";

/** A task with its methods side by side. */
export interface ComparedTask {
  /** Its name. */
  readonly name: string;
  /** The measured value: accuracies where the task has them, losses otherwise. */
  readonly measured: MeasuredValue;
  /** Everything that was trained, with the noise floor pooled over it, and bases that were not. */
  readonly compared: MethodComparison;
}

/** The tasks of the rows, in their order. */
export const comparedTasks = (rows: readonly LossRow[]): ComparedTask[] =>
  [...Map.groupBy(rows, ({ task }) => task)].map(([name, own]) => {
    const measured = own[0].loss === undefined ? accuracyValue : lossValue;
    return { name, measured, compared: new MethodComparison(own.map(methodRow), measured.best) };
  });

const families = { nothing: "baseline", everything: "full", LoRA: "LoRA" } as const;

/** A base is the size of a method here. */
const methodRow = ({ base, trained: key, values, loss, accuracy, ...row }: LossRow): MethodRow => ({
  ...{ key, label: key, family: families[key], size: base, compared: Number(key !== "nothing") },
  ...{ seed: row.seed, learningRate: row.learningRate, trained: values, value: loss ?? accuracy! },
});

/** The noise floor without full fine-tuning, whose seeds may differ by more: it stands beside, and no rule reads it. */
export const loraNoise = ({ compared: { cells } }: ComparedTask): number =>
  seedNoise(cells.filter(({ family }) => family === "LoRA").map(({ values }) => values));

/** A method on a task; absent where it was not run. */
export const cellOf = (
  { compared }: ComparedTask,
  { trained, base }: LossMethod,
): MethodCell | undefined => compared.cell(trained, base.label);

/** The tasks where both were run, as a base without a head cannot be. */
const bothIn = (tasks: readonly ComparedTask[], a: LossMethod, b: LossMethod) =>
  tasks.flatMap((task) => {
    const [one, other] = [cellOf(task, a), cellOf(task, b)];
    return one && other ? [{ task, one, other }] : [];
  });

/** The tasks on which one method is worse than another, by any amount. */
export const below = (tasks: readonly ComparedTask[], a: LossMethod, b: LossMethod) =>
  bothIn(tasks, a, b).filter(({ task: { compared }, one, other }) => compared.gain(other, one) > 0)
    .map(({ task }) => task);

/** The tasks on which it is worse by more than the noise floor. */
export const worse = (tasks: readonly ComparedTask[], a: LossMethod, b: LossMethod) =>
  bothIn(tasks, a, b).filter(({ task: { compared }, one, other }) => compared.isBetter(other, one))
    .map(({ task }) => task);

/**
 * Difference of one method from another in units of the noise floor, on average over the tasks;
 * positive if the first is worse.
 */
export const worseInFloors = (tasks: readonly ComparedTask[], a: LossMethod, b: LossMethod) =>
  mean(
    bothIn(tasks, a, b).map(({ task: { compared }, one, other }) => {
      const gain = compared.gain(other, one);
      return gain === 0 ? 0 : gain / compared.noise; // Equal is equal where no seed differs.
    }),
  );

/** `definitions +0.012 ± 0.010 nats, TREC −0.4 ± 1.2 points`: one minus the other. */
export const differences = (
  tasks: readonly ComparedTask[],
  a: LossMethod,
  b: LossMethod,
): string =>
  bothIn(tasks, a, b).map(({ task, one, other }) => `${task.name} ${minus(task, one, other)}`)
    .join(", ");

/** `+0.012 ± 0.010 nats`; a base that is not trained has no seeds to differ. */
export function minus(
  { compared: { noise }, measured: { decimals, unit } }: ComparedTask,
  one: MethodCell,
  other: MethodCell,
): string {
  const isTrained = one.family !== "baseline";
  const difference = signed(one.mean - other.mean, decimals);
  const floor = isTrained ? noiseIn(noise, decimals) : "";
  return `${difference}${floor} ${unit === "percent" ? "points" : unit}`;
}
