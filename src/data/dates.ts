/** Dates that are to be written in words: a task whose answers are right or wrong. @module */

import { Random } from "../core/random.ts";
import { quote } from "../core/quote.ts";
import { type GlossSplit, splitOf } from "./gloss.ts";
import { months } from "./months.ts";
import type { PromptedText } from "./prompted_batches.ts";

/** Which dates. */
export interface DateOptions {
  /** Which split of the years. */
  readonly split: GlossSplit;
  /** Number of dates, at most 10,000. With the same seed, a smaller number takes a prefix of the same dates. */
  readonly examples: number;
  /** Seed for drawing them. */
  readonly seed: number;
}

/** The years 1000 to 2999. */
const firstDay = Date.UTC(1000, 0, 1), dayMs = 24 * 60 * 60 * 1000;
const days = (Date.UTC(3000, 0, 1) - firstDay) / dayMs;

/**
 * Different dates of the years 1000 to 2999, drawn uniformly, as a file has them (the prompt) and as they are
 * read (the completion). Splits are split by the year: no year of the validation or test split is in an
 * example for training. So a model that is right on them copies digits and does not recall years. One that
 * copies the year and guesses the day is right once in about 365 dates.
 *
 * @throws {RangeError} when the number of examples is not an integer from 1 to 10,000.
 *
 * @example
 * ```ts
 * import { dateTexts } from "@lowrank/core/data";
 *
 * const [{ prompt, completion }] = dateTexts({ split: "train", examples: 1, seed: 1 });
 * console.log(prompt + completion); // as in "2021-03-07: 7 March 2021"
 * ```
 */
export function dateTexts({ split, examples, seed }: DateOptions): PromptedText[] {
  if (!Number.isInteger(examples) || examples < 1 || examples > 10_000) {
    throw new RangeError(
      `dateTexts needs examples to be an integer from 1 to 10000, found ${quote(examples)}`,
    );
  }
  const random = new Random(seed), dates = new Set<string>();
  while (dates.size < examples) {
    const date = new Date(firstDay + random.integer(days) * dayMs).toISOString().slice(0, 10);
    if (splitOf(date.slice(0, 4)) === split) dates.add(date);
  }
  return Array.from(dates, dateText);
}

function dateText(date: string): PromptedText {
  const [year, month, day] = date.split("-");
  return { prompt: `${date}:`, completion: ` ${Number(day)} ${months[Number(month) - 1]} ${year}` };
}
