/** Predictions: a question before a result, and the answer beside it. @module */

import { describe } from "../describe/describe.ts";
import { display, flush, inNotebook, printText } from "../kernel.ts";
import { render } from "../part.ts";
import { type Choice, type Control, textOf, type Track, trackOf } from "../slider/controls.ts";
import { questionHtml, resultHtml } from "./page.ts";

/** A question that a reader was asked. */
export interface Prediction {
  /**
   * Shows what was measured beside what the reader said. It is folded until the reader has answered, or
   * unfolds it all the same.
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
