/** Right answers of a reader's trainings, by their rank. @module */

import type { TuningCurves } from "./curves.ts";

/** Keeps the share of right answers of finished trainings that differ in the rank alone. */
export class RightByRank {
  /** Lines and settings, but for the rank, of all of them. */
  #common = "";
  readonly #percents = new Map<number, number>();

  /** Takes a training; returns the comparison in words, or the question that leads to it. */
  take({ start, right, canContinue }: TuningCurves): string {
    if (canContinue || right.length === 0) return "";
    const { settings: { rank, ...others }, lines, computedBy } = start;
    const common = JSON.stringify([others, lines, computedBy]);
    if (common !== this.#common) this.#percents.clear();
    this.#common = common;
    const [, percent] = right.at(-1)!;
    this.#percents.set(rank, percent);
    if (this.#percents.size > 1) return this.#compared();
    return rank > 1 && percent > 0
      ? " Predict: how many with r = 1, and all else the same? Move r, and press Learn."
      : "";
  }

  #compared(): string {
    const each = [...this.#percents].toSorted(([one], [other]) => one - other)
      .map(([rank, percent]) => `r = ${rank} ${percent.toFixed(0)}%`);
    return ` Right by rank, with the same α (s = α / r) and all else: ${
      each.join(", ")
    }; another seed may say otherwise.`;
  }
}
