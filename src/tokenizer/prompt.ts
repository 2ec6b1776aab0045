/** Prompts as tokens: the one place where they are made, for training and for answers. @module */

import { isText } from "../core/json.ts";
import { fillTemplate, type PromptFormat } from "../core/prompt_format.ts";
import { quote } from "../core/quote.ts";
import type { Tokenizer } from "./tokenizer.ts";

/**
 * The tokens of a prompt in its format, which a completion follows.
 *
 * @throws {TypeError} when the prompt is not a text, or the format wants an end-of-text token and the
 * tokenizer has none.
 */
export function encodePrompt(
  tokenizer: Tokenizer,
  prompt: string,
  format: PromptFormat,
): number[] {
  if (!isText(prompt)) throw new TypeError(`a prompt must be a text, found ${quote(prompt)}`);
  const tokens = [...tokenizer.encode(fillTemplate(format, prompt))];
  return format.endOfTextFirst ? [endOfTextOf(tokenizer), ...tokens] : tokens;
}

/**
 * A number of tokens that a text has at least, for limits: encoding 8 MB takes seconds and gigabytes. It is 0 for
 * tokenizers that may leave out a part of a text.
 */
export function leastTokens({ longestToken }: Tokenizer, text: string): number {
  return Math.ceil(new TextEncoder().encode(text).length / longestToken);
}

/**
 * Throws unless it is a tokenizer: callers without types may leave it out.
 *
 * @throws {TypeError} then.
 */
export function assertTokenizer(action: string, tokenizer: Tokenizer): void {
  if (typeof tokenizer?.encode === "function") return;
  throw new TypeError(`${action} needs a tokenizer, found ${quote(tokenizer)}`);
}

/**
 * The end-of-text token.
 *
 * @throws {TypeError} when the tokenizer has none.
 */
export function endOfTextOf({ endOfText }: Tokenizer): number {
  if (endOfText !== undefined) return endOfText;
  throw new TypeError("encoding a prompt needs a tokenizer with an end-of-text token, found none");
}
