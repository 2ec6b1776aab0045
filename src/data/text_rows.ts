/** Texts as rows of tokens that fit a model. @module */

import { howMany } from "../core/how_many.ts";
import { fillTemplate, type PromptFormat } from "../core/prompt_format.ts";
import { encodePrompt, endOfTextOf } from "../tokenizer/prompt.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { encodeFitting, type PromptedText, usualFormat } from "./prompted_batches.ts";
import type { LabeledText, TextRows } from "./texts.ts";
import type { TokenRow } from "./token_rows.ts";

/** What makes rows of tokens. */
export interface RowOptions {
  /** The tokenizer of the model. */
  readonly tokenizer: Tokenizer;
  /** Tokens in a row at most: the model's positions. */
  readonly length: number;
  /** How prompts are written. */
  readonly format: PromptFormat;
}

/** A row of tokens, with the class of its text if that has one. */
export type TextRow = TokenRow & { readonly label?: number };

/** The rows of a text, and whether it is too long for one. */
export interface FittedText {
  /** They fit the model. */
  readonly rows: readonly TextRow[];
  /** Whether the text was left out or cut. */
  readonly isTooLong: boolean;
}

/**
 * The rows of each text. A prompted text that is too long has none, as half of an answer teaches a wrong
 * one; a plain text continues in further rows; of a text with a label the beginning is kept.
 */
export function fitTexts(texts: TextRows, options: RowOptions): FittedText[] {
  if (texts.kind === "prompted") return texts.rows.map((text) => fitPrompted(text, options));
  if (texts.kind === "plain") return texts.rows.map((text) => fitPlain(text, options));
  return texts.rows.map((text) => fitLabeled(text, options));
}

/** What becomes of texts that are too long. */
const fates: Readonly<Record<TextRows["kind"], string>> = {
  prompted: "left out",
  plain: "continued in further rows",
  labeled: "only their beginnings are used",
};

/** `3 texts are longer than the model's 64 tokens: left out`, if there are any. */
export function longNote(
  { kind }: TextRows,
  texts: readonly FittedText[],
  positions: number,
): string[] {
  const long = texts.filter(({ isTooLong }) => isTooLong).length;
  const longer = `${howMany(long, "text is", "texts are")} longer than the model's ${positions}`;
  return long > 0 ? [`${longer} tokens: ${fates[kind]}`] : [];
}

function fitPrompted(text: PromptedText, { tokenizer, length, format }: RowOptions): FittedText {
  const row = encodeFitting(tokenizer, withoutSpace(text, format), length + 1, format);
  return { rows: row ? [row] : [], isTooLong: !row };
}

/** The completion without the separator that the format puts before it. */
function withoutSpace({ prompt, completion }: PromptedText, { separator }: PromptFormat) {
  const isThere = separator !== "" && completion.startsWith(separator);
  return { prompt, completion: isThere ? completion.slice(separator.length) : completion };
}

/** Rows that share one token with the next: it is the last target of one and the first input of the other. */
function fitPlain(text: string, { tokenizer, length, format }: RowOptions): FittedText {
  const tokens = [...encodePrompt(tokenizer, text, format), endOfTextOf(tokenizer)];
  const rows: TextRow[] = [];
  for (let at = 0; at + 1 < tokens.length; at += length) {
    rows.push({ tokens: tokens.slice(at, at + length + 1), scoredFrom: 1 });
  }
  return { rows, isTooLong: rows.length > 1 };
}

function fitLabeled({ text, label }: LabeledText, { tokenizer, length }: RowOptions): FittedText {
  const whole = tokenizer.encodeFramed(text), isTooLong = whole.length > length;
  const tokens = isTooLong ? tokenizer.encodeFramed(text, length) : whole;
  return { rows: [{ tokens, scoredFrom: 1, label }], isTooLong };
}

/**
 * The usual format of prompts, with a space before completions unless most prompts end, or completions
 * begin, with white space other than that.
 */
export function formatFor(texts: TextRows, given: Partial<PromptFormat> = {}): PromptFormat {
  const format = { ...usualFormat, ...given };
  if (texts.kind !== "prompted") return { ...usualFormat, endOfTextFirst: format.endOfTextFirst };
  if (given.separator !== undefined) return format;
  const isSpaced = ({ prompt, completion }: PromptedText) =>
    /\s$/.test(fillTemplate(format, prompt)) || /^[^\S ]/.test(completion);
  const spaced = texts.rows.filter(isSpaced).length;
  return { ...format, separator: 2 * spaced > texts.rows.length ? "" : " " };
}
