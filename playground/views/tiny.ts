/** The pictures and words of the tiny GPT-2. @module */

import { howMany } from "../../src/core/numbers.ts";
import { element } from "../dom.ts";
import { escaped } from "../draw/escaped.ts";
import { fillChart } from "../draw/fill.ts";
import type { TuningCurves } from "../tiny/curves.ts";
import type { MergedTuning } from "../tiny/tuning.ts";

/** A text that was said with one seed. */
export interface Spoken {
  readonly seed: number;
  readonly base: string;
  readonly student: string;
}

/** Draws losses and the spectra of a site, by its place among the sites. */
export function drawTuning(curves: TuningCurves, site: number): void {
  drawLosses(curves);
  drawRight(curves);
  drawSpectra(curves, site);
  element("tiny-numbers").innerHTML = numbersOf(curves)
    .map(([term, value]) => `<div><dt>${term}</dt><dd>${value}</dd></div>`).join("");
}

function drawLosses({ losses, heldOut, start: { settings }, steps }: TuningCurves): void {
  const trained = losses.map((loss, step) => [step, loss] as const);
  const values = [...losses, ...heldOut.map(([, loss]) => loss)];
  const label = `At step ${steps} the loss is ${digits(losses.at(-1))} on the lines of the step ` +
    `and ${digits(heldOut.at(-1)?.[1])} on the lines that are held out`;
  fillChart("tiny-loss", label, {
    lines: [{ role: "lora", lines: [trained] }, { role: "target", lines: [heldOut] }],
    marks: [],
    x: [0, settings.steps],
    y: [0, 1.05 * Math.max(1, ...values)],
    names: ["step", "loss, nats per token"],
  });
}

/** Lines without answers have no such curve. */
function drawRight({ right, asked, start: { settings }, steps }: TuningCurves): void {
  element("tiny-right-figure").hidden = right.length === 0;
  if (right.length === 0) return;
  const label = `At step ${steps} ${percentOf(right)} of ${
    howMany(asked, "held-out line")
  } answered right`;
  fillChart("tiny-right", label, {
    lines: [{ role: "lora", lines: [right] }],
    marks: [],
    x: [0, settings.steps],
    y: [0, 105],
    names: ["step", "percent right"],
  });
}

/** The last of them. */
const percentOf = (right: TuningCurves["right"]): string => `${right.at(-1)![1].toFixed(0)}%`;

/** On the scale of the largest site, so that sites can be compared. */
function drawSpectra(
  { spectra, start: { settings }, steps }: TuningCurves,
  site: number,
): void {
  const most = Math.max(...spectra.at(-1)!.map(({ singularValues: [first] }) => first));
  const { singularValues, name } = spectra.at(-1)![site];
  const label = `At step ${steps} the singular values of ΔW at ${name} are ${
    singularValues.map((value) => value.toFixed(2)).join(", ")
  }`;
  const lines = singularValues.map((_, i) =>
    spectra.map((at, step) => [step, at[site].singularValues[i]] as const)
  );
  fillChart("tiny-spectrum", label, {
    lines: [{ role: "lora", lines }],
    marks: [],
    x: [0, settings.steps],
    y: [0, 1.05 * (most || 1)],
    names: ["step", "singular value"],
  });
}

function numbersOf(
  { steps, losses, heldOut, right, asked }: TuningCurves,
): readonly (readonly [string, string])[] {
  const answered = right.length === 0
    ? []
    : [["right", `${percentOf(right)} of ${asked}`] as const];
  return [
    ["step", String(steps)],
    ["loss", digits(losses.at(-1))],
    ["lines not seen", digits(heldOut.at(-1)?.[1])],
    ...answered,
  ];
}

const digits = (value?: number): string => value?.toFixed(2) ?? "–";

/** Says how many lines are learned, or how the training went. */
export function tuningText({ steps, losses, heldOut, right, asked, start }: TuningCurves): string {
  const { settings, computedBy, notes, parameters } = start;
  if (steps === 0) {
    return `${notes}. LoRA trains ${parameters.toLocaleString("en-US")} values, on ${computedBy}.`;
  }
  const [[, first]] = heldOut.length > 0 ? heldOut : [[0, NaN]], last = heldOut.at(-1)?.[1];
  const unseen = last === undefined
    ? ""
    : `, and on lines that it never saw from ${digits(first)} to ${digits(last)}`;
  const answered = right.length === 0
    ? ""
    : ` Right answers to these went from ${percentOf(right.slice(0, 1))} to ${
      percentOf(right)
    } of ${asked}.`;
  return `After ${steps} of ${howMany(settings.steps, "step")} the loss went from ${
    digits(losses[0])
  } to ${digits(losses.at(-1))}${unseen}.${answered}`;
}

/** Shows continuations of the base beside those of the student. */
export function showWords(prompt: string, spoken: readonly Spoken[]): void {
  const cell = (words: string) =>
    `<td><b>${escaped(prompt)}</b>${escaped(words).replaceAll("\n", " ")}</td>`;
  const rows = spoken.map(({ seed, base, student }) =>
    `<tr><th scope="row">${seed}</th>${cell(base)}${cell(student)}</tr>`
  );
  element("tiny-words").innerHTML =
    `<thead><tr><th scope="col">seed</th><th scope="col">the base</th>` +
    `<th scope="col">with LoRA</th></tr></thead><tbody>${rows.join("")}</tbody>`;
}

/** Text after merging. */
export function mergedText(
  { largest, difference, weights, values, words }: MergedTuning,
  beside: string,
): string {
  const same = words === beside ? "the same words" : "other words";
  return `Merged into a copy of ${weights} weights, ${values.toLocaleString("en-US")} values: ` +
    `logits of up to ${largest.toFixed(1)} differ by at most ${difference.toExponential(1)}, and ` +
    `it says ${same}. The copy is freed; the base was never changed.`;
}

/** Everything that another program needs to compare itself with the page. */
export function tuningJson(
  { start: { settings, computedBy, lines }, losses, heldOut, right, spectra }: TuningCurves,
  prompt: string,
  spoken: readonly Spoken[],
): string {
  const singularValues = spectra.at(-1)!.map(({ name, singularValues }) => ({
    name,
    singularValues,
  }));
  const given = { settings, lines, computedBy, prompt };
  return JSON.stringify({ ...given, losses, heldOut, right, singularValues, spoken }, null, 1);
}
