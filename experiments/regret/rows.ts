/** Rows of "LoRA without regret", and the values that its rules read of them. @module */

import { mean } from "../../src/core/numbers.ts";
import { seedNoise } from "../differences.ts";
import type { MadeRun } from "../frame/mod.ts";
import { everywhere, type Setting, settings } from "./methods.ts";
import { bestExponents, triedWith } from "./rates.ts";
import type { RegretRun } from "./runs.ts";

/** Result of a reported run after some steps. */
export interface RegretRow {
  /** Pairs in small steps, pairs in large steps, or facts. */
  readonly part: Setting["part"];
  /** The method's key. */
  readonly key: string;
  /** The method's name. */
  readonly label: string;
  /** The rank of its updates; absent for full fine-tuning. */
  readonly rank?: number;
  /** Pairs in a step, or the number of facts. */
  readonly size: number;
  /** The seed. */
  readonly seed: number;
  /** The rate that the search found. */
  readonly learningRate: number;
  /** Trained values. */
  readonly trained: number;
  /** Number of steps so far. */
  readonly step: number;
  /** Nats per token of held-out pairs, or per fact. */
  readonly loss: number;
}

/** The best rate of a method by each seed of the search, finer than its grid. */
export interface BestRate {
  /** The method's key. */
  readonly key: string;
  /** The rank of its updates; absent for full fine-tuning. */
  readonly rank?: number;
  /** log₁₀ of the best rate, one for each seed. */
  readonly exponents: readonly number[];
}

/** Rows that the claims read. */
export interface RegretRows {
  /** Every run; of facts, every reported step. */
  readonly runs: readonly RegretRow[];
  /** Full fine-tuning, then LoRA on all layers at each rank. */
  readonly rates: readonly BestRate[];
}

/** Steps at which the loss on facts is reported: 10, 20, 40, … */
export const isReported = (step: number): boolean =>
  step >= 10 && Number.isInteger(Math.log2(step / 10));

/** The rows of a run. */
export function rowsOf({ chosen, metrics, log }: MadeRun<RegretRun>): RegretRow[] {
  const { setting: { part, method: { key, label, rank }, size }, seed, learningRate } = chosen;
  const { trained, loss } = metrics as Record<string, number>;
  const row = { part, key, label, rank, size, seed, learningRate, trained };
  const { heldOut = [{ step: log.loss.length, loss }] } = log, last = heldOut.length - 1;
  return heldOut.filter(({ step }, i) => isReported(step) || i === last)
    .map(({ step, loss }) => ({ ...row, step, loss }));
}

/** The best rates that the search found with full fine-tuning and with LoRA on all layers. */
export function searchedRates(): BestRate[] {
  return settings.filter(({ part, method }) => part === "pairs" && everywhere.includes(method))
    .map((setting) => {
      const { method: { key, rank } } = setting;
      return { key, rank, exponents: bestExponents(triedWith(setting)) };
    });
}

/** The same measurement with several seeds, for each method. */
export type Cells = ReadonlyMap<string, readonly number[]>;

/** The losses of a part at one size and step, by the method's key; those after the last step unless said. */
export function cellsOf(
  { runs }: Pick<RegretRows, "runs">,
  part: Setting["part"],
  size: number,
  step?: number,
): Cells {
  const own = runs.filter((row) => row.part === part && row.size === size);
  const at = step ?? Math.max(...own.map((row) => row.step));
  const groups = Map.groupBy(own.filter((row) => row.step === at), ({ key }) => key);
  return new Map(Array.from(groups, ([key, rows]) => [key, rows.map(({ loss }) => loss)]));
}

/** The noise between seeds, pooled over all cells. */
export const noiseOf = (...parts: readonly Cells[]): number =>
  seedNoise(parts.flatMap((part) => [...part.values()]));

/** A difference with the noise that it has to exceed. */
export interface Difference {
  /** The first minus the second. */
  readonly value: number;
  /** Its noise floor. */
  readonly noise: number;
}

/** The mean of a cell minus that of another. */
export const differenceIn = (cells: Cells, a: string, b: string): Difference => {
  return { value: mean(cells.get(a)!) - mean(cells.get(b)!), noise: noiseOf(cells) };
};

/** True if a difference is larger than its noise. */
export const isAbove = ({ value, noise }: Difference): boolean => value > noise;

/**
 * Extra loss of a method with batches of the second size, over that of full fine-tuning or of
 * another method.
 */
export function extraCost(small: Cells, large: Cells, a: string, b: string): Difference {
  const costOf = (key: string) => mean(large.get(key)!) - mean(small.get(key)!);
  return { value: costOf(a) - costOf(b), noise: Math.SQRT2 * noiseOf(small, large) };
}

/** Difference of a rank from full fine-tuning after each reported step. */
export function aboveFull(
  rows: Pick<RegretRows, "runs">,
  facts: number,
  key: string,
): (Difference & { readonly step: number })[] {
  const own = rows.runs.filter(({ part, size }) => part === "facts" && size === facts);
  const steps = [...new Set(own.map(({ step }) => step))].sort((a, b) => a - b);
  return steps.map((step) => {
    return { step, ...differenceIn(cellsOf(rows, "facts", facts, step), key, "full") };
  });
}

/** The first step from which on, to the end, all differences are above the noise; else infinite. */
export function leavesAt(curve: readonly (Difference & { readonly step: number })[]): number {
  const first = curve.findLastIndex((one) => !isAbove(one)) + 1;
  return curve[first]?.step ?? Infinity;
}

/** log₁₀ of LoRA's best rate by full fine-tuning's, for each rank, and the noise of one of them. */
export function rateRatios([full, ...lora]: readonly BestRate[]): {
  readonly ratios: readonly { readonly rank: number; readonly exponent: number }[];
  readonly noise: number;
} {
  const cells = new Map([full, ...lora].map(({ key, exponents }) => [key, exponents]));
  const ratios = lora.map(({ key, rank }) => {
    return { rank: rank!, exponent: differenceIn(cells, key, full.key).value };
  });
  return { ratios, noise: noiseOf(cells) };
}
