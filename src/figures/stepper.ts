/** Controls of sliders, as HTML: a range for numbers, a choice for everything else. @module */

import { escapeHtml } from "./html.ts";

/** A control: its positions are those of its texts. */
export interface Stepper {
  /** What it changes. */
  readonly label: string;
  /** Each position as text. */
  readonly texts: readonly string[];
  /** The starting position. */
  readonly start: number;
  /** Whether the positions are numbers, which rise or fall; otherwise they are a choice. */
  readonly isRange: boolean;
}

const row = "display:flex;align-items:center;gap:0.8em;max-width:44em;margin:2px 0";
const wide = "min-width:8em";

/** A labeled control, disabled until a script makes it live, as none does in an untrusted notebook. */
export function stepperHtml({ label, texts, start, isRange }: Stepper): string {
  const control = isRange ? rangeHtml(texts, start) : choiceHtml(texts, start);
  return `<label style="${row}"><span style="${wide}">${
    escapeHtml(label)
  }</span>${control}</label>`;
}

function rangeHtml(texts: readonly string[], start: number): string {
  const range = `type="range" min="0" max="${texts.length - 1}" step="1" value="${start}"`;
  const now = escapeHtml(texts[start]), all = escapeHtml(JSON.stringify(texts));
  return `<input data-control disabled ${range} aria-valuetext="${now}" data-texts="${all}" ` +
    `style="flex:1;${wide}"><span style="${wide}">${now}</span>`;
}

function choiceHtml(texts: readonly string[], start: number): string {
  const options = texts.map((text, place) =>
    `<option${place === start ? " selected" : ""}>${escapeHtml(text)}</option>`
  );
  return `<select data-control disabled style="font:inherit;min-width:0">${
    options.join("")
  }</select>`;
}
