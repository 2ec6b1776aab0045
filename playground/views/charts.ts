/** The charts of a planted shift: singular values and losses over the steps. @module */

import { largestOf } from "../../src/core/numbers.ts";
import type { SizelessChart } from "../draw/fill.ts";
import type { LessonReading, LessonSettings } from "../../src/lesson/lesson.ts";

/** Singular values at a step. */
export interface Spectrum {
  readonly steps: number;
  readonly lora: Float64Array;
  readonly full: Float64Array;
}

/** A run that is drawn under the next one. */
export interface KeptRun {
  readonly settings: LessonSettings;
  readonly reading: LessonReading;
  readonly spectra: readonly Spectrum[];
}

const learners = ["full", "lora"] as const;

/** Most lines of singular values. */
const mostValues = 8;

/** The steps on the axis, which grow in jumps: 100, 200, 500, 1000, … */
function upTo(steps: number): [number, number] {
  const power = 10 ** Math.floor(Math.log10(Math.max(steps, 100)));
  return [0, [1, 2, 5, 10].map((times) => times * power).find((end) => end >= steps)!];
}

/** Lines of singular values below the marks of those of D. */
export function spectrumChart(
  { shift: { values }, steps }: LessonReading,
  spectra: readonly Spectrum[],
  kept?: KeptRun,
): SizelessChart {
  const all = [...spectra, ...kept?.spectra ?? []];
  const seen = Math.max(...all.map(({ lora, full }) => Math.max(lora[0], full[0])));
  const highest = Math.min(1.5 * values[0], Math.max(values[0], seen));
  const planted = [...values].filter((value) => value > 1e-9 * values[0]);
  const nameOf = (i: number) => i < 4 ? `σ${sub(i + 1)} of D` : "";
  return {
    lines: [
      ...kept ? [{ role: "kept", lines: valueLines("lora", kept.spectra) }] : [],
      ...learners.map((role) => ({ role, lines: valueLines(role, spectra) })),
    ],
    marks: planted.map((y, i) => ({ y, role: "target", label: nameOf(i) })),
    x: upTo(Math.max(steps, kept?.reading.steps ?? 0)),
    y: [0, 1.08 * highest],
    names: ["step", "singular value"],
  };
}

/** One line for each of the largest values. */
function valueLines(role: "lora" | "full", spectra: readonly Spectrum[]) {
  const count = Math.min(mostValues, spectra[0][role].length);
  return Array.from(
    { length: count },
    (_, i) => spectra.map((at) => [at.steps, at[role][i]] as const),
  );
}

const sub = (digit: number) => "₀₁₂₃₄₅₆₇₈₉"[digit];

/** The least above zero, which is on no log scale. */
const leastOf = (values: readonly number[]) =>
  values.reduce((least, value) => value > 0 ? Math.min(least, value) : least, Infinity);

/** A best loss below this share of W₀'s is rounding. */
const rounding = 1e-9;

/** Both losses, and between which the best of a rank can be; under them that of a kept run. */
export function lossChart(reading: LessonReading, kept?: KeptRun): SizelessChart {
  const { losses, loss, bounds, steps } = reading, before = kept?.reading;
  const best = bounds.best === undefined || bounds.best < rounding * bounds.base
    ? []
    : [{ y: bounds.best, role: "target", label: "best of r" }];
  const { lora, full } = losses, seen = [lora, full].map(leastOf);
  const least = leastOf([
    bounds.base / 10,
    loss.lora,
    loss.full,
    ...seen,
    ...before ? [before.loss.lora, leastOf(before.losses.lora)] : [],
    ...best.map(({ y }) => y),
  ]);
  return {
    lines: [
      ...before ? [{ role: "kept", lines: [lossLine(before, "lora")] }] : [],
      ...learners.map((role) => ({ role, lines: [lossLine(reading, role)] })),
    ],
    marks: [{ y: bounds.base, role: "base", label: "W₀" }, ...best],
    x: upTo(Math.max(steps, before?.steps ?? 0)),
    y: [
      10 ** Math.floor(Math.log10(least)),
      1.3 * largestOf([bounds.base, loss.lora, ...lora, ...before?.losses.lora ?? []]),
    ],
    log: true,
    names: ["step", "loss, log scale"],
  };
}

type Points = readonly (readonly [number, number])[];

/** The losses of a learner and that of its last weights. */
const lossLine = ({ losses, loss, steps }: LessonReading, role: "lora" | "full"): Points => [
  ...thinned(losses[role]),
  [steps, loss[role]],
];

/** Some hundred of the losses, with their steps, and the last. */
function thinned(losses: readonly number[]): Points {
  const every = Math.ceil(losses.length / 400), last = losses.length - 1;
  return losses.flatMap((loss, step) => step % every === 0 || step === last ? [[step, loss]] : []);
}

/** Label of a chart for readers who do not see it. */
export const spectrumLabel = ({ steps, lora, shift }: LessonReading) =>
  `At step ${steps} the singular values of s·B·A are ${listed(lora.values)}; those of D are ${
    listed(shift.values)
  }`;

/** Label of the chart of losses. */
export const lossLabel = ({ steps, loss: { lora, full } }: LessonReading) =>
  `At step ${steps} the loss of LoRA is ${lora.toPrecision(3)}, of full fine-tuning ${
    full.toPrecision(3)
  }`;

const listed = (values: Float64Array) =>
  [...values].slice(0, mostValues).map((value) => value.toFixed(2)).join(", ");
