/** A question and its result as HTML, which works without a kernel. @module */

import { escapeHtml } from "../../figures/html.ts";
import { palette } from "../../figures/palette.ts";
import stepper from "../../figures/stepper_script.js" with { type: "text" };
import { type Stepper, stepperHtml } from "../../figures/stepper.ts";
import askScript from "./ask_script.js" with { type: "text" };
import keptScript from "./kept_script.js" with { type: "text" };
import revealScript from "./reveal_script.js" with { type: "text" };

/** An output is saved with its script, so it contains no more than it needs. */
function scriptHtml(...texts: string[]): string {
  const code = `{ const kept = ${keptScript}${texts.join("")} }`;
  return `<script>${code.replaceAll("</script", "<\\/script")}</script>`;
}

const stepping = `const stepper = ${stepper}`;

const asleep = "To answer here, run this cell.";

const edge = `border:0;border-left:4px solid ${palette.lora[0]};margin:0.2em 0;min-width:0;` +
  "padding:0.1em 0 0.1em 0.8em";
const row = "display:flex;flex-wrap:wrap;gap:0.2em 1.4em;margin:0.4em 0";
const choice = "display:inline-flex;align-items:baseline;gap:0.4em";
const quiet = "opacity:0.75;font-style:italic";

/** The question with its answers: a slider for a range, otherwise all of them in a row. */
export function questionHtml(question: string, answers: Stepper): string {
  const name = escapeHtml(question);
  return `<fieldset data-question="${name}" style="${edge}"><legend style="padding:0;float:left">
<strong style="font-weight:600">Predict:</strong> ${name}</legend>
<div style="clear:both">${
    answers.isRange
      ? stepperHtml(answers)
      : `<div style="${row}">${
        answers.texts.map((text) => choiceHtml(name, text)).join("\n")
      }</div>`
  }</div>
<div role="status" style="${quiet}">${asleep}</div>
${answers.isRange ? scriptHtml(stepping, askScript) : scriptHtml(askScript)}</fieldset>`;
}

function choiceHtml(name: string, text: string): string {
  const words = escapeHtml(text);
  return `<label style="${choice}"><input type="radio" disabled name="${name}" value="${words}" ` +
    `style="margin:0">${words}</label>`;
}

/** The result, folded; where no script runs, a reader can unfold it. */
export function resultHtml(
  question: string,
  { measured, best }: { readonly measured: string; readonly best: string },
  parts: readonly string[],
): string {
  const value = escapeHtml(measured);
  return `<div data-question="${escapeHtml(question)}" data-measured="${value}" data-best="${
    escapeHtml(best)
  }" style="${edge}">
<details><summary style="cursor:pointer"><span data-fold>Show the result</span></summary>
<div data-said style="margin:0.4em 0;font-size:1.1em">Measured: <strong>${value}</strong></div>
${parts.join("\n")}</details>
${scriptHtml(revealScript)}</div>`;
}
