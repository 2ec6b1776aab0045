/** The rates that the search found. @module */

import { mean } from "../../src/core/numbers.ts";
import found from "./learning_rates.json" with { type: "json" };
import type { StudyMethod } from "./runs.ts";
import type { StudyTask } from "./tasks.ts";

/** Result of a rate on the texts to choose by. */
export interface TriedRate {
  /** The rate. */
  readonly learningRate: number;
  /** Share of the texts. */
  readonly accuracy: number;
  /** Nats per text. */
  readonly loss: number;
}

/** The highest accuracy; of equals, the lowest loss. */
export function bestOfTried(tried: readonly TriedRate[]): TriedRate {
  const isBetter = (a: TriedRate, b: TriedRate) =>
    a.accuracy > b.accuracy || a.accuracy === b.accuracy && a.loss < b.loss;
  return tried.reduce((best, next) => isBetter(next, best) ? next : best);
}

type Tried = Readonly<Record<string, Omit<TriedRate, "learningRate"> | null>>;

const tasks: Readonly<Record<string, Readonly<Record<string, Tried>>>> = found.tried;

/** The rates that the search tried on a task; a training that diverged has no result. */
export const triedRates = (task: string, { places }: StudyMethod): TriedRate[] =>
  Object.entries(tasks[task][places]).flatMap(([rate, result]) =>
    result ? [{ learningRate: Number(rate), ...result }] : []
  );

/** The means of what each rate gave on all searched tasks, where it diverged on none. */
export function meansOfTried(method: StudyMethod): TriedRate[] {
  const names = Object.keys(tasks), all = names.flatMap((name) => triedRates(name, method));
  return [...Map.groupBy(all, ({ learningRate }) => learningRate)]
    .filter(([, own]) => own.length === names.length)
    .map(([learningRate, own]) => ({
      learningRate,
      accuracy: mean(own.map(({ accuracy }) => accuracy)),
      loss: mean(own.map(({ loss }) => loss)),
    }));
}

/** The rate of a method on a task: the best there, or on average where the task was not searched. */
export const studyRateOf = ({ name }: StudyTask, method: StudyMethod): number =>
  bestOfTried(name in tasks ? triedRates(name, method) : meansOfTried(method)).learningRate;
