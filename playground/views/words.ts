/** Sentences of the page that contain numbers. @module */

import { howMany } from "../../src/core/numbers.ts";
import type { Lesson, LessonReading } from "../../src/lesson/lesson.ts";
import type { MergedLesson, UnmergedLesson } from "../../src/lesson/lesson.ts";

/** The run beside, whose rank alone is another one. */
export interface BesideReading {
  readonly rank: number;
  readonly reading: LessonReading;
}

/** Step and losses, as terms of a list. */
export function numbersHtml(
  { steps, loss, bounds }: LessonReading,
  beside?: BesideReading,
): string {
  const terms: readonly (readonly [string, string])[] = [
    ["step", String(steps)],
    ["loss of LoRA", digits(loss.lora)],
    ...beside ? [[`of r = ${beside.rank}`, digits(beside.reading.loss.lora)] as const] : [],
    ["of full", digits(loss.full)],
    ...bounds.best === undefined ? [] : [["best of rank r", bestOf(bounds.best)] as const],
  ];
  return terms.map(([term, value]) => `<div><dt>${term}</dt><dd>${value}</dd></div>`).join("");
}

/** Of a rank that is enough nothing is left but rounding. */
const bestOf = (best: number): string => best < 1e-9 ? "0" : digits(best);

const digits = (value: number): string =>
  value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1) : value.toPrecision(3);

/** Text at the end of the steps; a reader who does not see the figures hears it. */
export function standingText(
  { steps, loss: { lora, full } }: LessonReading,
  beside?: BesideReading,
): string {
  const second = beside
    ? `, ${digits(beside.reading.loss.lora)} with r = ${beside.rank} beside it`
    : "";
  return `After ${howMany(steps, "step")} the loss is ${digits(lora)} with LoRA${second} and ${
    digits(full)
  } with full fine-tuning.`;
}

/** Text for steps that end because the loss is not finite. */
export const notFinite = "The loss is no longer finite: take a smaller learning rate or α.";

/** Text after merging. */
export const mergedText = ({ largest, difference }: MergedLesson): string =>
  `Merged: outputs of up to ${largest.toFixed(1)} differ by at most ${
    difference.toExponential(1)
  }, ` +
  "as W₀ + s·B·A is itself rounded to F32 and sums are in another order.";

/** Text after unmerging. */
export const unmergedText = ({ weights, changed, subtracted }: UnmergedLesson): string =>
  `Unmerged: ${changed} of ${weights} values of W₀ changed. Subtracting s·B·A instead would have ` +
  `changed ${subtracted}.`;

/** Everything that another program needs to compare itself with the page. */
export function exactText(
  { parts }: Lesson,
  { steps, losses, loss, lora, full, shift }: LessonReading,
  computedBy: string,
  beside?: BesideReading,
): string {
  const singularValues = { D: [...shift.values], lora: [...lora.values], full: [...full.values] };
  const { settings } = parts, found = { steps, losses, loss, singularValues };
  const second = beside &&
    { beside: { rank: beside.rank, losses: beside.reading.losses.lora } };
  return JSON.stringify({ settings, computedBy, ...found, ...second }, null, 1);
}
