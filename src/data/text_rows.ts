/**
 * Texts as rows of tokens that fit a model: fitting them by leaving out or cutting, laying out a
 * batch of them, and batches to measure a model on.
 *
 * @module
 */

import { assertPromptFormat, type Batch, fillTemplate, type PromptFormat } from "../core/batch.ts";
import { assertOptions } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { boundsOf, howMany } from "../core/numbers.ts";
import type { HostTensor } from "../core/tensor.ts";
import {
  assertTokenizer,
  encodePrompt,
  endOfTextOf,
  type Tokenizer,
} from "../tokenizer/tokenizer.ts";
import { encodeFitting, type PromptedText, usualFormat } from "./prompted_batches.ts";
import type { LabeledText, TextRows, Texts } from "./texts.ts";
import {
  type BatchLimit,
  checkBatchSize,
  measuredGroups,
  mostTokens,
  packBatch,
  type RowGroups,
  type RowSizes,
  type RowTotals,
  type TokenRow,
} from "./token_rows.ts";

// Fitting.

/** Options for making rows of tokens. */
export interface RowOptions {
  /** The tokenizer of the model. */
  readonly tokenizer: Tokenizer;
  /** Tokens in a row at most: the model's positions. */
  readonly length: number;
  /** Format of the prompts. */
  readonly format: PromptFormat;
}

/** A row of tokens, with the class of its text if that has one. */
export type TextRow = TokenRow & { readonly label?: number };

/** The rows of a text, and whether it is too long for one. */
export interface FittedText {
  /** They fit the model. */
  readonly rows: readonly TextRow[];
  /** True if the text was left out or cut. */
  readonly isTooLong: boolean;
}

/**
 * The rows of each text. A prompted text that is too long has none, as half of an answer teaches a wrong
 * one; a plain text continues in further rows; of a text with a label the beginning is kept.
 */
function fitTexts(texts: TextRows, options: RowOptions): FittedText[] {
  if (texts.kind === "prompted") return texts.rows.map((text) => fitPrompted(text, options));
  if (texts.kind === "plain") return texts.rows.map((text) => fitPlain(text, options));
  return texts.rows.map((text) => fitLabeled(text, options));
}

/** Fates of texts that are too long. */
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
function formatFor(texts: TextRows, given: Partial<PromptFormat> = {}): PromptFormat {
  const format = { ...usualFormat, ...given };
  if (texts.kind !== "prompted") return { ...usualFormat, endOfTextFirst: format.endOfTextFirst };
  if (given.separator !== undefined) return format;
  const isSpaced = ({ prompt, completion }: PromptedText) =>
    /\s$/.test(fillTemplate(format, prompt)) || /^[^\S ]/.test(completion);
  const spaced = texts.rows.filter(isSpaced).length;
  return { ...format, separator: 2 * spaced > texts.rows.length ? "" : " " };
}

// Layout.

/** A layout of batches. */
export interface TextLayout {
  /** Tokens that a model reads of a row. */
  readonly lengthOf: (row: TextRow) => number;
  /** Tokens that are computed for some rows, with padding. */
  readonly tokensOf: (totals: RowTotals) => number;
  /** The batch of some rows. */
  readonly pack: (rows: readonly TextRow[]) => Batch;
}

/** Padding of rows, and format of prompts. */
export interface LayoutOptions {
  /** Most tokens in a row. */
  readonly positions: number;
  /** Token that fills up short rows. */
  readonly padding: number;
  /** Format of the prompts. */
  readonly format: PromptFormat;
}

/** The layout of texts of a kind. */
const layoutOf = (kind: Texts["kind"], options: LayoutOptions): TextLayout =>
  kind === "labeled" ? labeledLayout(options) : nextTokenLayout(options);

/** Lengths are multiples of this, so that kernels of a GPU load four values at a time. */
const lengthStep = 4;

/** Inputs and next tokens, in a format that what is trained remembers. */
function nextTokenLayout({ positions, padding, format }: LayoutOptions): TextLayout {
  const lengthOf = ({ tokens }: TextRow) => tokens.length - 1;
  const padded = (longest: number) =>
    Math.min(positions, lengthStep * Math.ceil(longest / lengthStep));
  return {
    lengthOf,
    tokensOf: ({ rows, longest }) => rows * padded(longest),
    pack: (rows) => {
      const size = { batch: rows.length, length: padded(longestOf(rows.map(lengthOf))) };
      return { ...packBatch(rows, size, padding), promptFormat: format };
    },
  };
}

/** Texts with their labels; labels say what a classifier is asked, so that nothing is written in a format. */
const labeledLayout = ({ padding }: LayoutOptions): TextLayout => ({
  lengthOf: ({ tokens }) => tokens.length,
  tokensOf: ({ rows, longest }) => rows * longest,
  pack: (rows) => packLabeled(rows, padding),
});

function packLabeled(rows: readonly TextRow[], padding: number): Batch {
  const length = longestOf(rows.map(({ tokens }) => tokens.length));
  const shape = [rows.length, length], data = new Uint32Array(rows.length * length).fill(padding);
  rows.forEach(({ tokens }, row) => data.set(tokens, row * length));
  const targets = { shape: [rows.length], data: Int32Array.from(rows, ({ label }) => label!) };
  const isFull = rows.every(({ tokens }) => tokens.length === length);
  const mask = isFull ? {} : { attentionMask: maskOf(rows, length) };
  return { inputs: { tokens: { shape, data }, ...mask }, targets };
}

const longestOf = (lengths: readonly number[]): number => boundsOf(lengths)[1];

/** 1 for the tokens of a row, 0 for those that fill it up. */
function maskOf(rows: readonly TextRow[], length: number): HostTensor {
  const data = new Uint32Array(rows.length * length);
  rows.forEach(({ tokens }, row) => data.fill(1, row * length, row * length + tokens.length));
  return { shape: [rows.length, length], data };
}

// Reading.

/**
 * Facts about a model that reads texts: the most tokens of a row, the padding of short rows, and
 * whether it predicts the next one.
 */
export interface ReadModel {
  /** Most tokens in a row. */
  readonly positions: number;
  /** Token that fills up short rows. Default: the end of text. */
  readonly padding?: number;
  /** True if it predicts the next token, as it must for texts without labels. Default true. */
  readonly isCausal?: boolean;
}

/** A model's way of reading texts of a kind. */
export interface TextReading {
  /** The rows of each text. */
  readonly fit: (texts: Texts) => FittedText[];
  /** Their layout in a batch. */
  readonly layout: TextLayout;
}

/**
 * Chooses a model's way of reading texts of a kind.
 *
 * @param caller The name of the function that a user has called.
 * @param given Fields of the prompts' format, as far as they are given.
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

// Measuring.

/** Options for measuring a model on texts. */
export interface EvaluationBatchesOptions {
  /**
   * Rows in a batch. Default: as many as have, with padding, no more tokens than 8 of the longest, so that they
   * take no more memory.
   */
  readonly batch?: number;
  /** Format of the prompts. Default: after the end of text, with a space before completions. */
  readonly format?: Partial<PromptFormat>;
}

/** Batches to measure a model on. */
export interface EvaluationBatches {
  /** They hold every text once, those of like length together, and those of one prompt. */
  readonly batches: readonly Batch[];
  /** Sentences for a reader about the fate of long texts, if there are any. */
  readonly notes: readonly string[];
}

/** Rows of the batches whose memory is enough, where nothing is said. */
const usualRows = 8;

/**
 * Makes batches of all texts, to measure a model on. The loss is that of any other batches of them, but for
 * rounding.
 *
 * @throws {RangeError} when no text fits the model, an option is out of range, or the model is an encoder and the
 * texts have no labels.
 * @throws {TypeError} when the tokenizer has no end-of-text token, the texts are none, or an option does not
 * exist.
 *
 * @example
 * ```ts
 * import { loadModel, loadTokenizer, openDevice } from "@lowrank/core";
 * import { evaluationBatches } from "@lowrank/core/data";
 * import { evaluate } from "@lowrank/core/train";
 *
 * using device = await openDevice();
 * using model = await loadModel(device, "models/tiny-gpt2");
 * const tokenizer = await loadTokenizer("models/tiny-gpt2");
 * const rows = ["The sea is blue.", "The hold is dry."];
 * const texts = { kind: "plain", rows, description: "two texts", digest: "" } as const;
 * const { batches } = evaluationBatches(model, tokenizer, texts);
 * console.log((await evaluate(model, batches)).loss);
 * ```
 */
export function evaluationBatches(
  model: ReadModel,
  tokenizer: Tokenizer,
  texts: Texts,
  options: EvaluationBatchesOptions = {},
): EvaluationBatches {
  assertOptions("evaluationBatches", options, { batch: true, format: true });
  const { fit, layout } = readingOf("evaluationBatches", model, tokenizer, texts, options.format);
  const { positions } = model, { batch } = options;
  if (batch !== undefined) checkBatchSize({ batch, length: positions });
  const fitted = fit(texts), rows = rowsOf(fitted), sizes = measuredSizesOf(texts, rows, layout);
  if (rows.length === 0) {
    throw new RangeError(`evaluating needs a text of at most ${positions} tokens, found none`);
  }
  const groups = measuredGroups(sizes, batch ? { rows: batch } : usualLimit(sizes));
  return { batches: packGroups(groups, rows, layout), notes: longNote(texts, fitted, positions) };
}

function usualLimit({ lengths, tokensOf }: RowSizes): BatchLimit {
  const sizes = { lengths, tokensOf };
  return { tokens: mostTokens(measuredGroups(sizes, { rows: usualRows }), sizes) };
}
