/**
 * Predictions: a question before a result, and the answer beside it, as HTML that works without a
 * kernel.
 *
 * @module
 */

import { palette } from "../figures/figure.ts";
import { escapeHtml } from "../figures/html.ts";
import { type Stepper, stepperHtml } from "../figures/show.ts";
import stepper from "../figures/stepper_script.js" with { type: "text" };
import { describe } from "./describe.ts";
import { display, flush, inNotebook, printText } from "./kernel.ts";
import { render } from "./part.ts";
import askScript from "./predict/ask_script.js" with { type: "text" };
import keptScript from "./predict/kept_script.js" with { type: "text" };
import revealScript from "./predict/reveal_script.js" with { type: "text" };
import saveScript from "./predict/save_script.js" with { type: "text" };
import { type Choice, type Control, textOf, type Track, trackOf } from "./slider.ts";

// Predictions.

/** A question that a reader was asked. */
export interface Prediction {
  /**
   * Shows the measured value beside the reader's answer. It is folded until the reader has
   * answered, or unfolds it all the same.
   *
   * @param measured The value: of a list of answers, one of these.
   * @param result Shown below it: anything that `show` takes.
   * @throws {RangeError} when `measured` is none of the listed answers.
   */
  reveal(measured: Choice, result?: unknown): Promise<void>;
}

/**
 * Asks a reader to predict a result before it is shown. The answer is kept by the page, for as long as its
 * tab is open: no kernel hears of it, and none is needed to give it, so that it also works in an exported
 * page. A terminal prints the question.
 *
 * @param answers A list to choose from, or a range of numbers as `from`, `to` and `step`.
 * @throws {RangeError} when there is no answer to choose from.
 *
 * @example
 * ```ts
 * import { predict } from "@lowrank/core/notebook";
 *
 * const free = await predict("How many values does B · A store, 3 × 1 and 1 × 4?", [4, 7, 12]);
 * await free.reveal(3 * 1 + 1 * 4);
 * ```
 */
export async function predict(question: string, answers: Control): Promise<Prediction> {
  const track = trackOf("a prediction", answers);
  const unit = "unit" in answers ? answers.unit : undefined, isListed = !("from" in answers);
  const html = questionHtml(question, { ...track, label: "your answer", isRange: !isListed });
  await showHtml(html, `Predict: ${question} (${textsOf(track, isListed)})`);
  return {
    async reveal(measured, result) {
      if (isListed && !track.values.includes(measured)) {
        throw new RangeError(
          `the result must be one of the answers ${track.texts.join(", ")}, found ${measured}`,
        );
      }
      const parts = result === undefined ? [] : await describe(result);
      const rendered = await Promise.all(parts.map((part) => render(part)));
      const text = textOf(measured, unit);
      await showHtml(
        resultHtml(
          question,
          { measured: text, best: bestOf(track, measured, text) },
          rendered.map(({ html }) => html),
        ),
        [`measured: ${text}`, ...rendered.map(({ text }) => text)].join("\n\n"),
      );
    },
  };
}

/**
 * Shows a button that saves what a reader has predicted in this tab as CSV, for a lecturer: each question with
 * the answer, what was measured, and whether they agree. As with the answers, no kernel hears of it.
 *
 * @example
 * ```ts
 * import { savePredictions } from "@lowrank/core/notebook";
 *
 * await savePredictions();
 * ```
 */
export async function savePredictions(): Promise<void> {
  await showHtml(saveHtml(), "Predictions are kept by a page, and can be saved there as CSV.");
}

/** The answer that is nearest to what was measured: in a range, it may be between two. */
function bestOf({ values, texts, isRange }: Track, measured: Choice, text: string): string {
  if (!isRange) return text;
  const distances = values.map((value) => Math.abs(Number(value) - Number(measured)));
  return texts[distances.indexOf(Math.min(...distances))];
}

function textsOf({ texts }: Track, isListed: boolean): string {
  return isListed ? texts.join(" | ") : `${texts[0]} to ${texts.at(-1)}`;
}

async function showHtml(html: string, text: string): Promise<void> {
  if (!inNotebook()) return printText(text);
  await display({ "text/html": html, "text/plain": text });
  await flush();
}

// The page.

/** An output is saved with its script, so it contains no more than it needs. */
const scriptHtml = (...texts: string[]): string =>
  pageScript(`{ const kept = ${keptScript}${texts.join("")} }`);

const pageScript = (code: string): string =>
  `<script>${code.replaceAll("</script", "<\\/script")}</script>`;

/** The button, which works where a page's scripts run. */
export const saveHtml = (): string =>
  `<div><button type="button">Save my predictions (CSV)</button>${pageScript(saveScript)}</div>`;

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
