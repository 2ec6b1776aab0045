/** Numbers that the claims read from the rows: losses and best ratios of a width, and the ratio at which the plateau ends. @module */

import { mean } from "../../src/core/numbers.ts";
import { lengths, type RatioRow, ratios, widths } from "./search.ts";
import type { Examples } from "./student.ts";

/** Rows of the study, or of a part of it. */
export type RatioRows = readonly RatioRow[];

/** The length that claims are about, and the one that is half of it. */
export const [halfOfSteps, judgedSteps] = lengths;

/** The rows of a kind of examples, a width and a length. */
export interface Cell {
  /** `few` or `many`. */
  readonly examples: Examples;
  /** n. */
  readonly width: number;
  /** Steps; by default those that claims are about. */
  readonly steps?: number;
}

/** The seeds of some rows. */
export const seedsOf = (rows: RatioRows): number[] => [...new Set(rows.map(({ seed }) => seed))];

/** The rows of a cell. */
export const inCell = (rows: RatioRows, { examples, width, steps = judgedSteps }: Cell) =>
  rows.filter((row) => row.examples === examples && row.width === width && row.steps === steps);

/** The mean over rows of log loss, or of another value, at a ratio. */
export const meanLog = (rows: RatioRows, ratio: number, key: "loss" | "rate" = "loss"): number =>
  mean(rows.filter((row) => row.ratio === ratio).map((row) => Math.log(row[key])));

/** The ratio of the least mean log loss. */
export const bestRatio = (rows: RatioRows): number =>
  ratios.reduce((best, ratio) => meanLog(rows, ratio) < meanLog(rows, best) ? ratio : best);

/** Of each seed, log of the loss at λ = 1 by that at the best ratio of the other seeds, which may have had other steps. */
export function gains(rows: RatioRows, cell: Cell, steps: number = judgedSteps): number[] {
  const one = inCell(rows, cell), other = inCell(rows, { ...cell, steps });
  return seedsOf(one).map((seed) => {
    const ratio = bestRatio(other.filter((row) => row.seed !== seed));
    const own = (list: RatioRows) => list.filter((row) => row.seed === seed);
    return meanLog(own(one), 1) - meanLog(own(other), ratio);
  });
}

/** The standard error of the mean. */
export function standardError(values: readonly number[]): number {
  const center = mean(values), squares = values.map((value) => (value - center) ** 2);
  return Math.sqrt(mean(squares) / (values.length - 1));
}

/** The ratio above 1 at which a seed's loss is twice that of λ = 1, between two ratios by log and log. */
export function edgeOf(rows: RatioRows): number {
  const mark = meanLog(rows, 1) + Math.log(2);
  const above = ratios.filter((ratio) => ratio >= 1);
  const at = above.findIndex((ratio) => meanLog(rows, ratio) >= mark);
  if (at < 1) return NaN;
  const [low, high] = [above[at - 1], above[at]].map((ratio) => meanLog(rows, ratio));
  return above[at - 1] * 4 ** ((mark - low) / (high - low));
}

/** A number of every seed, at each width: the best ratio, or the edge. */
export function overWidths(
  rows: RatioRows,
  examples: Examples,
  of: (rows: RatioRows) => number,
): (readonly [width: number, value: number])[][] {
  return seedsOf(rows).map((seed) =>
    widths.map((width) => {
      const own = inCell(rows, { examples, width }).filter((row) => row.seed === seed);
      return [width, of(own)] as const;
    })
  );
}
