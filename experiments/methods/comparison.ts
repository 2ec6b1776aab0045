/** Methods as data, their results side by side by the rules of decision 0027, and claims on them. @module */

import { mean, range } from "../../src/core/numbers.ts";
import type { MethodSpec } from "../../src/runs/mod.ts";
import { freedomOf, seedNoise } from "../differences.ts";
import { type Claim, claimOn, type MadeRun, type Margin, type NotedClaim } from "../frame/mod.ts";
import type { ChosenRate } from "./rates.ts";

/** A method at one size. */
export interface MethodSize {
  /** The size as tables show it: `r = 4`, `16 tokens`. */
  readonly size: string;
  /** Specification of the method. */
  readonly spec: MethodSpec;
  /** A guess of its own best rate, where it is not the method's. */
  readonly prior?: number;
}

/** A method that is compared. */
export interface StudiedMethod {
  /** Its key in `learning_rates.json`. */
  readonly key: string;
  /** Its name in tables. */
  readonly label: string;
  /** The paper's family of the method: its color in figures. */
  readonly family: "full" | "biases" | "adapter" | "prefix" | "LoRA" | "LoRA and prefix";
  /** A guess of its best rate, written down before any run. */
  readonly prior: number;
  /** Its sizes: all methods are compared at the first; rates are searched at it, too, unless each size has its own. */
  readonly sizes: readonly [MethodSize, ...MethodSize[]];
}

/** The sizes of a method that is measured at one alone. */
export const oneSize = (size: string, spec: MethodSpec): StudiedMethod["sizes"] => [{ size, spec }];

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

/** The mean over tasks, on which rates differ, of the rows that have one name, such as a method's with one seed. */
export const meansOverTasks = (
  rows: readonly MethodRow[],
  nameOf: (row: MethodRow) => string,
): MethodRow[] =>
  [...Map.groupBy(rows, nameOf).values()].map((own) => {
    const { key, label, family, size, compared, seed } = own[0];
    const trained = Math.round(mean(own.map(({ trained }) => trained))); // Heads have as many rows as labels.
    const value = mean(own.map(({ value }) => value));
    return { key, label, family, size, compared, seed, trained, value };
  });

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

/** Two standard errors of the difference of the means of two cells; `pooled` are the values of those that noise is pooled over. */
export type NoiseBetween = (
  a: MethodCell,
  b: MethodCell,
  pooled: readonly (readonly number[])[],
) => number;

/** Methods side by side. */
export class MethodComparison {
  /** One for each method and size, in the order of the rows. */
  readonly cells: readonly MethodCell[];
  /** Two standard errors of a difference of two means; NaN for a single seed. */
  readonly noise: number;
  /** Degrees of freedom that it was estimated with; unknown where it is given. */
  readonly freedom?: number;
  /** That of a difference of two cells. Default: the same for all. */
  readonly noiseBetween: (a: MethodCell, b: MethodCell) => number;
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
    this.noiseBetween = (a, b) => typeof noise === "function" ? noise(a, b, pooled) : this.noise;
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

  /** True if one is better than another by more than the noise between them; with a single seed, at all. */
  isBetter(better: MethodCell, worse: MethodCell): boolean {
    const noise = this.noiseBetween(better, worse);
    return this.gain(better, worse) > (Number.isNaN(noise) ? 0 : noise);
  }

  /** The best of some. */
  best(cells: readonly MethodCell[]): MethodCell {
    return cells.reduce((best, next) => this.gain(next, best) > 0 ? next : best);
  }
}

/** Methods side by side, some of which may have no rows. */
export type ComparedMethods = Pick<MethodComparison, "has">;

/** A claim with the methods whose rows its rule reads. */
export interface MethodsClaim<Compared extends ComparedMethods = MethodComparison>
  extends Claim<Compared> {
  /** Their keys: without rows of all of them there is no claim. */
  readonly reads: readonly string[];
}

/** The claims whose rows are there, on these rows. */
export const claimsOn = <Compared extends ComparedMethods>(
  compared: Compared,
  claims: readonly MethodsClaim<Compared>[],
): NotedClaim[] =>
  claims.filter(({ reads }) => compared.has(...reads))
    .map(({ reads: _, ...claim }) => claimOn(claim, () => compared));

/** A finding's note on noise. */
export function noiseNote(compared: MethodComparison, unit: string): string {
  const { noise } = compared, decimals = unit === "nats" ? 3 : 1;
  if (Number.isNaN(noise)) return "One seed has no noise floor.";
  return `Noise floor of ${seedsOf(compared)} seeds: ${noise.toFixed(decimals)} ${unit}.`;
}

/** Number of seeds; the base alone has one value. */
const seedsOf = ({ cells }: MethodComparison) =>
  Math.max(...cells.map(({ values }) => values.length));

/** `LoRA on v is better by 8.0, less than the noise: undecided.` of a lead that no rule counts; else nothing. */
export function uncountedLead(
  compared: MethodComparison,
  other: MethodCell,
  own: MethodCell,
): string {
  const lead = compared.gain(other, own);
  if (lead <= 0 || compared.isBetter(other, own)) return "";
  return ` ${other.label} is better by ${lead.toFixed(1)}, less than the noise: undecided.`;
}

/** Distance of a number beyond its mark, with the noise floor. */
export const marginOf = (compared: MethodComparison, beyond: number): Margin => ({
  ...{ beyond, noise: compared.noise, seeds: seedsOf(compared), freedom: compared.freedom },
});

/** Distance of one cell's lead over another beyond its mark, with the noise between them, pooled over the compared size. */
export const marginBetween = (
  compared: MethodComparison,
  [one, other]: readonly [MethodCell, MethodCell],
): Margin => ({
  beyond: -compared.gain(one, other),
  noise: compared.noiseBetween(one, other),
  seeds: Math.min(one.values.length, other.values.length),
  freedom: freedomOf(
    compared.cells.filter((cell) => cell.compared === 1).map(({ values }) => values),
  ),
});

/** `LoRA (q, v) 3.412`. */
export const meanIn = ({ label, mean }: MethodCell, decimals = 3): string =>
  `${label} ${mean.toFixed(decimals)}`;
