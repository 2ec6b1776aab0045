/** The text of an answer while it is made. @module */

import type { PromptFormat } from "../core/prompt_format.ts";
import { answerText } from "../models/complete.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";

/** How an answer's tokens become its text. */
export interface TextRules {
  /** The base's. */
  readonly tokenizer: Tokenizer;
  /** How the prompt was written. */
  readonly format: PromptFormat;
  /** Texts of which the first that comes ends the answer and is no part of it. */
  readonly stops: readonly string[];
}

/** A text and whether it ended at a stop. */
export interface StoppedText {
  /** What comes before the stop, or all. */
  readonly text: string;
  /** Whether there was one. */
  readonly isStopped: boolean;
}

/** The text of tokens up to the first stop in it. */
export function textBefore(
  { tokenizer, format, stops }: TextRules,
  tokens: readonly number[],
): StoppedText {
  const text = answerText(tokenizer, tokens, format);
  const ends = stops.map((stop) => text.indexOf(stop)).filter((end) => end >= 0);
  return { text: text.slice(0, Math.min(...ends, text.length)), isStopped: ends.length > 0 };
}

/** Gives a text that grows in parts: what later tokens may change is held back until they have come. */
export class TextParts {
  readonly #rules: TextRules;
  #given = "";

  /** Begins with nothing given. */
  constructor(rules: TextRules) {
    this.#rules = rules;
  }

  /** What is new in the text of these tokens, and cannot change. */
  next(tokens: readonly number[]): string {
    const { stops, format: { separator } } = this.#rules,
      { text } = textBefore(this.#rules, tokens);
    const mayBeSeparator = separator.startsWith(text);
    // A character of several tokens is U+FFFD until its last one.
    const whole = text.replace(/\ufffd+$/, "");
    const longest = Math.max(1, ...stops.map(({ length }) => length));
    return mayBeSeparator ? "" : this.#give(cutAt(whole, Math.max(0, whole.length - longest + 1)));
  }

  /** The rest of the text, which has ended. */
  last(text: string): string {
    return this.#give(text);
  }

  #give(text: string): string {
    if (!text.startsWith(this.#given)) return "";
    const part = text.slice(this.#given.length);
    this.#given = text;
    return part;
  }
}

/** The beginning of a text, without half of a character that is two in UTF-16. */
function cutAt(text: string, end: number): string {
  const isInside = /^[\ud800-\udbff][\udc00-\udfff]/.test(
    text.slice(Math.max(0, end - 1), end + 1),
  );
  return text.slice(0, isInside ? end - 1 : end);
}
