/** How a prompt and its completion are written for a model: the same in training and afterwards. @module */

import { isRecord, isText } from "./json.ts";
import { quote } from "./quote.ts";

/**
 * How the tokens of a prompted text are made: `<end of text> template(prompt)`, then `separator completion
 * <end of text>`. A model answers well only where a prompt is written as in its training.
 */
export interface PromptFormat {
  /** What the prompt is put into, in the place of its one `{prompt}`: `"Question: {prompt}\nAnswer:"`. */
  readonly template: string;
  /** Whether the end-of-text token precedes the prompt, as it precedes every document in pretraining. */
  readonly endOfTextFirst: boolean;
  /** What every completion begins with and an answer is without: `" "` for completions as in a table. */
  readonly separator: string;
}

/** The prompt alone, as Hugging Face's tokenizers encode it where nothing is said. */
export const plainPrompt: PromptFormat = {
  template: "{prompt}",
  endOfTextFirst: false,
  separator: "",
};

/** Where the prompt goes in a template. */
const slot = "{prompt}";

/**
 * Throws unless a value, which may come from a file, is a format.
 *
 * @param what Names it in the message.
 * @throws {TypeError} when it is not a record of just these fields.
 * @throws {RangeError} when its template does not have `{prompt}` once.
 */
export function assertPromptFormat(what: string, value: unknown): asserts value is PromptFormat {
  if (!hasFields(value)) {
    throw new TypeError(
      `${what} must have a text as template, true or false as endOfTextFirst, a text as separator and ` +
        `nothing else, found ${quote(value)}`,
    );
  }
  if (isTemplate(value.template)) return;
  throw new RangeError(
    `the template of ${what} must contain ${slot} once, found ${quote(value.template)}`,
  );
}

/** Whether a text says once where the prompt goes. */
export const isTemplate = (text: string): boolean => text.split(slot).length === 2;

function hasFields(value: unknown): value is PromptFormat {
  return isRecord(value) && isText(value.template) && isText(value.separator) &&
    typeof value.endOfTextFirst === "boolean" &&
    Object.keys(value).every((field) => Object.hasOwn(plainPrompt, field));
}

/** The text of a prompt: the template around it. */
export function fillTemplate({ template }: PromptFormat, prompt: string): string {
  return template.replace(slot, () => prompt);
}
