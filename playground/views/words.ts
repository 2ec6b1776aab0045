/** Sentences of the page that contain numbers. @module */

import type { Lesson, LessonReading } from "../../src/lesson/lesson.ts";
import type { MergedLesson, UnmergedLesson } from "../../src/lesson/merging.ts";

/** Step and losses, as terms of a list. */
export function numbersHtml({ steps, loss, bounds }: LessonReading): string {
  const terms: readonly (readonly [string, string])[] = [
    ["step", String(steps)],
    ["loss of LoRA", digits(loss.lora)],
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
export const standingText = ({ steps, loss: { lora, full } }: LessonReading): string =>
  `After ${steps} steps the loss is ${digits(lora)} with LoRA and ${digits(full)} with full ` +
  "fine-tuning.";

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
): string {
  const singularValues = { D: [...shift.values], lora: [...lora.values], full: [...full.values] };
  const { settings } = parts;
  return JSON.stringify({ settings, computedBy, steps, losses, loss, singularValues }, null, 1);
}
