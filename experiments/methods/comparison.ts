/** Results of every method, and their comparison by the rules of decision 0027. @module */

import { mean, range } from "../../src/core/numbers.ts";
import { freedomOf, seedNoise } from "../differences.ts";
import type { MadeRun } from "../frame/mod.ts";
import type { MethodSize, StudiedMethod } from "./methods.ts";
import type { ChosenRate } from "./rates.ts";

/** Result of a run of a method. */
export interface MethodRow extends Pick<StudiedMethod, "key" | "label"> {
  /** The method's family; `baseline` for what is not trained. */
  readonly family: StudiedMethod["family"] | "baseline";
  /** The method's size, or the number of texts that it was trained on. */
  readonly size: string;
  /** 1 if all methods are compared at this size, or else 0. */
  readonly compared: number;
  /** The seed; absent for a baseline. */
  readonly seed?: number;
  /** The rate that the search found; absent for a baseline. */
  readonly learningRate?: number;
  /** The end of its grid that the rate is at, if it is at one. */
  readonly end?: ChosenRate["end"];
  /** Trained values; 0 for a baseline. */
  readonly trained: number;
  /** Held-out loss in nats per token, or accuracy in percent. */
  readonly value: number;
}

/** Method, size, rate and seed of a run, as an experiment chooses them. */
export interface ChosenMethod extends ChosenRate {
  /** The method. */
  readonly method: StudiedMethod;
  /** The size, one of the method's. */
  readonly size: MethodSize;
  /** The seed. */
  readonly seed: number;
}

/** The row of a run. */
export function methodRow(
  { chosen: { method, size, learningRate, end, seed }, metrics }: MadeRun<ChosenMethod>,
  value: number,
): MethodRow {
  const { key, label, family, sizes: [compared] } = method;
  return {
    ...{ key, label, family, size: size.size, compared: Number(size === compared), seed },
    ...{ learningRate, end, trained: metrics.trained as number, value },
  };
}

/** The row of what is not trained. */
export const baselineRow = (
  row: Pick<MethodRow, "key" | "label" | "size" | "value">,
): MethodRow => ({ ...row, family: "baseline", compared: 0, trained: 0 });

/** The runs of a method at one size. */
export interface MethodCell extends Omit<MethodRow, "seed" | "value"> {
  /** Result of each seed. */
  readonly values: readonly number[];
  /** Their mean. */
  readonly mean: number;
  /** Their range. */
  readonly spread: number;
}

function cellOf(rows: readonly MethodRow[]): MethodCell {
  const { seed: _, value: __, ...first } = rows[0], values = rows.map(({ value }) => value);
  return { ...first, values, mean: mean(values), spread: range(values) };
}

/** Two standard errors of the difference of the means of two cells. */
export type NoiseBetween = (a: MethodCell, b: MethodCell) => number;

/** Methods side by side. */
export class MethodComparison {
  /** One for each method and size, in the order of the rows. */
  readonly cells: readonly MethodCell[];
  /** Two standard errors of a difference of two means; NaN for a single seed. */
  readonly noise: number;
  /** Degrees of freedom that it was estimated with; unknown where it is given. */
  readonly freedom?: number;
  /** That of a difference of two cells. Default: the same for all. */
  readonly noiseBetween: NoiseBetween;
  readonly #sign: number;

  /**
   * Reads rows.
   *
   * @param best The better end of the values.
   * @param isPooled True for cells that the noise is pooled over. Default: those at the compared size.
   * @param noise Two standard errors of a difference, where the rows are means whose seeds are not known, or where
   * it is not the same for all.
   */
  constructor(
    rows: readonly MethodRow[],
    best: "lowest" | "highest",
    isPooled = ({ compared }: MethodCell): boolean => compared === 1,
    noise?: number | NoiseBetween,
  ) {
    const groups = Map.groupBy(rows, ({ key, size }) => `${key} ${size}`);
    this.cells = [...groups.values()].map(cellOf);
    const pooled = this.cells.filter(isPooled).map(({ values }) => values);
    this.noise = typeof noise === "number" ? noise : seedNoise(pooled);
    this.noiseBetween = typeof noise === "function" ? noise : () => this.noise;
    if (noise === undefined) this.freedom = freedomOf(pooled);
    this.#sign = best === "lowest" ? 1 : -1;
  }

  /** Every size of a method, from the fewest trained values to the most. */
  sizesOf(key: string): MethodCell[] {
    return this.cells.filter((cell) => cell.key === key).sort((a, b) => a.trained - b.trained);
  }

  /** A method at the size that it is compared at, or at another. */
  cell(key: string, size?: string): MethodCell {
    const isIt = (cell: MethodCell) =>
      size === undefined ? cell.compared === 1 : cell.size === size;
    return this.cells.find((cell) => cell.key === key && isIt(cell))!;
  }

  /** True if all these methods have rows. */
  has(...keys: readonly string[]): boolean {
    return keys.every((key) => this.cells.some((cell) => cell.key === key));
  }

  /** Difference by which the second is worse, in the unit of the values. */
  gain(better: MethodCell, worse: MethodCell): number {
    return this.#sign * (worse.mean - better.mean);
  }

  /** True if one is better than another by more than the noise; with a single seed, at all. */
  isBetter(better: MethodCell, worse: MethodCell): boolean {
    return this.gain(better, worse) > (Number.isNaN(this.noise) ? 0 : this.noise);
  }

  /** The best of some. */
  best(cells: readonly MethodCell[]): MethodCell {
    return cells.reduce((best, next) => this.gain(next, best) > 0 ? next : best);
  }
}
