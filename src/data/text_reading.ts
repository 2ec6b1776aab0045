/** What a model reads of texts: rows that fit it, and batches of them. @module */

import type { Batch } from "../core/batch.ts";
import { assertPromptFormat, type PromptFormat } from "../core/prompt_format.ts";
import { quote } from "../core/quote.ts";
import { assertTokenizer, endOfTextOf } from "../tokenizer/prompt.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import type { RowGroups, RowSizes } from "./row_groups.ts";
import { layoutOf, type TextLayout } from "./text_layout.ts";
import { type FittedText, fitTexts, formatFor, type TextRow } from "./text_rows.ts";
import type { Texts } from "./texts.ts";

/** What a model reads: how many tokens, what fills up short rows, and whether it predicts the next one. */
export interface ReadModel {
  /** Most tokens in a row. */
  readonly positions: number;
  /** Token that fills up short rows. Default: the end of text. */
  readonly padding?: number;
  /** Whether it predicts the next token, as it must for texts without labels. Default true. */
  readonly isCausal?: boolean;
}

/** How texts of a kind are read. */
export interface TextReading {
  /** The rows of each text. */
  readonly fit: (texts: Texts) => FittedText[];
  /** How they are laid out. */
  readonly layout: TextLayout;
}

/**
 * How a model reads texts of a kind.
 *
 * @param caller The name of the function that a user has called.
 * @param given How prompts are written, as far as it is said.
 */
export function readingOf(
  caller: string,
  model: ReadModel,
  tokenizer: Tokenizer,
  texts: Texts,
  given: Partial<PromptFormat> | undefined,
): TextReading {
  assertWhole(caller, model, tokenizer, texts);
  const { positions, isCausal = true } = model;
  if (!isCausal && texts.kind !== "labeled") {
    throw new RangeError(
      "to learn from texts without labels a model must predict the next token, found an encoder or a " +
        "classifier",
    );
  }
  const format = formatFor(texts, given);
  assertPromptFormat("the format of prompts", format);
  const padding = model.padding ?? endOfTextOf(tokenizer);
  return {
    fit: (some) => fitTexts(some, { tokenizer, length: positions, format }),
    layout: layoutOf(texts.kind, { positions, padding, format }),
  };
}

/** Callers without types may leave something out, or pass the name of a file as texts. */
function assertWhole(
  caller: string,
  model: ReadModel,
  tokenizer: Tokenizer,
  texts: Texts,
): void {
  if (!Number.isInteger(model?.positions)) {
    throw new TypeError(`${caller} needs a model, found ${quote(model)}`);
  }
  assertTokenizer(caller, tokenizer);
  if (Array.isArray(texts?.rows)) return;
  throw new TypeError(
    `${caller} needs texts, as in ${caller}(model, tokenizer, await readTexts(file)), found ${
      quote(texts)
    }`,
  );
}

/** All rows of some texts. */
export const rowsOf = (texts: readonly FittedText[]): TextRow[] =>
  texts.flatMap(({ rows }) => rows);

/** Their sizes in a layout. */
export const sizesOf = (
  rows: readonly TextRow[],
  { lengthOf, tokensOf }: TextLayout,
): RowSizes => ({ lengths: rows.map(lengthOf), tokensOf });

/** The same of rows that are measured. */
export const measuredSizesOf = (
  { kind }: Pick<Texts, "kind">,
  rows: readonly TextRow[],
  layout: TextLayout,
): RowSizes => ({
  ...sizesOf(rows, layout),
  prompts: kind === "prompted" ? rows.map(promptOf) : undefined,
});

const promptOf = ({ tokens, scoredFrom }: TextRow): string =>
  Array.from({ length: scoredFrom }, (_, i) => tokens[i]).join();

/** A batch of each group of rows. */
export const packGroups = (
  groups: RowGroups,
  rows: readonly TextRow[],
  { pack }: TextLayout,
): Batch[] => groups.map((group) => pack(group.map((index) => rows[index])));
