/**
 * Batches of prompted texts, in which only the completions are scored; and windows of running text,
 * random ones for training and others that score every held-out token once.
 *
 * @module
 */

import { assertPromptFormat, type Batch, plainPrompt, type PromptFormat } from "../core/batch.ts";
import { assertOptions, type OptionNames } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { Random } from "../core/random.ts";
import {
  assertTokenizer,
  encodePrompt,
  endOfTextOf,
  leastTokens,
  type Tokenizer,
} from "../tokenizer/tokenizer.ts";
import type { EncodedDocuments } from "./documents.ts";
import {
  assertOrder,
  type BatchOrder,
  type BatchSize,
  checkBatchSize,
  drawGroups,
  fittedLength,
  packBatch,
  packBatches,
  packFitted,
  type RowTotals,
  type TokenRow,
} from "./token_rows.ts";

// Prompted texts.

/** A prompt and its correct completion. */
export interface PromptedText {
  /** Text given to the model. */
  readonly prompt: string;
  /**
   * Text with which the model should continue; the end of text follows. `promptedBatches` takes it
   * as it is, with the space that it starts with, unless its format has a separator; `textDataset`
   * puts a space before it.
   */
  readonly completion: string;
}

/** Selection, order and repetition of examples, and their format. */
export interface SampleOptions {
  /** Rows in a batch. Default: 8, or the number of examples if it is less. */
  readonly batch?: number;
  /** Tokens in a row. Default: as many as the longest text of each batch has, up to a multiple of 16. */
  readonly length?: number;
  /**
   * Number of examples. With the same seed, a smaller number takes a prefix of the same examples. Default: all
   * that fit in `length` tokens.
   */
  readonly examples?: number;
  /** Seed for choosing the examples and shuffling every pass. Default 0. */
  readonly seed?: number;
  /**
   * Rule for sharing a batch. Default `random`: those that are drawn one after another. With
   * `like-length` and without a `length` little is padding; every pass then has batches of its own,
   * as long as their longest text up to a multiple of 4.
   */
  readonly order?: BatchOrder;
  /** Passes over the examples. Default 1: `train` begins again by itself; `Infinity` never ends. */
  readonly epochs?: number;
  /**
   * Format of the prompts, where it differs from the usual one: after the end of text, without
   * template and separator.
   */
  readonly format?: Partial<PromptFormat>;
}

/** The names of {@link SampleOptions}. */
const sampleNames: OptionNames<SampleOptions> = {
  batch: true,
  length: true,
  examples: true,
  seed: true,
  order: true,
  epochs: true,
  format: true,
};

/** Every text is a document of its own, as in pretraining. */
export const usualFormat: PromptFormat = { ...plainPrompt, endOfTextFirst: true };

/**
 * The tokens of a prompted text: `<e> prompt completion <e>`, unless the format is another. The completion
 * and the final end of text are scored.
 *
 * @throws {TypeError} when the tokenizer has no end-of-text token.
 */
export function encodePrompted(
  tokenizer: Tokenizer,
  { prompt, completion }: PromptedText,
  format: PromptFormat = usualFormat,
): TokenRow {
  const endOfText = endOfTextOf(tokenizer), context = encodePrompt(tokenizer, prompt, format);
  const answer = tokenizer.encode(format.separator + completion);
  return { tokens: [...context, ...answer, endOfText], scoredFrom: context.length };
}

/**
 * The same of a text that has at most so many tokens; undefined where it has more.
 *
 * @throws As {@link encodePrompted}.
 */
export function encodeFitting(
  tokenizer: Tokenizer,
  text: PromptedText,
  most: number,
  format: PromptFormat,
): TokenRow | undefined {
  if (leastTokens(tokenizer, text.prompt + text.completion) > most) return;
  const row = encodePrompted(tokenizer, text, format);
  return row.tokens.length > most ? undefined : row;
}

/** The texts in random order, as rows of up to `length` tokens; longer ones are skipped, not cut. */
function sampleRows(
  tokenizer: Tokenizer,
  texts: readonly PromptedText[],
  { examples = Infinity, length = Infinity, seed = 0 }: SampleOptions,
  format: PromptFormat,
): TokenRow[] {
  assertSample(texts, examples);
  const rows: TokenRow[] = [];
  for (const index of new Random(seed).permutation(texts.length)) {
    if (rows.length === examples) return rows;
    const row = encodeFitting(tokenizer, texts[index], length + 1, format);
    if (row) rows.push(row);
  }
  if (rows.length === examples || examples === Infinity && rows.length > 0) return rows;
  const wanted = examples === Infinity ? 1 : examples;
  throw new RangeError(
    `sampling ${wanted} examples needs ${wanted} that fit in ${length} tokens, found ${rows.length}`,
  );
}

function assertSample(texts: readonly PromptedText[], examples: number): void {
  if (!Array.isArray(texts) || texts.length === 0) {
    throw new TypeError(`promptedBatches needs a list of texts, found ${quote(texts)}`);
  }
  if (examples === Infinity || Number.isInteger(examples) && examples >= 1) return;
  throw new RangeError(`sampling needs at least 1 example, found ${examples}`);
}

/** All rows once per pass, in a new order each time. */
function* passes(rows: readonly TokenRow[], epochs: number, seed: number): Generator<TokenRow> {
  const random = new Random(seed).split(1);
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const index of random.permutation(rows.length)) yield rows[index];
  }
}

/** The same in batches of like length; those of a pass depend on its number and the seed alone. */
function* likePasses(
  rows: readonly TokenRow[],
  { batch, length: most }: BatchSize,
  { epochs = 1, seed = 0, length }: SampleOptions,
  padding: number,
): Generator<Batch> {
  const sizes = { lengths: rows.map(({ tokens }) => tokens.length - 1), tokensOf: tokensIn };
  for (let epoch = 0; epoch < epochs; epoch++) {
    const drawn = { order: "like-length", random: new Random(seed).split(2).split(epoch) } as const;
    for (const group of drawGroups(sizes, { rows: batch }, drawn)) {
      const own = group.map((index) => rows[index]);
      yield packBatch(own, { batch, length: length ?? fittedLength(own, most, 4) }, padding);
    }
  }
}

const tokensIn = ({ tokens }: RowTotals): number => tokens;

/** Batches of prompted texts; made by {@link promptedBatches}. */
export class PromptedBatches implements Iterable<Batch> {
  /** Format of the prompts. */
  readonly promptFormat: PromptFormat;
  /** Tokenizer that encoded the rows. */
  readonly tokenizer: Tokenizer;
  /** Number of rows, one for each example. */
  readonly examples: number;
  /** Number of texts that were longer than a row, or beyond the number of examples. */
  readonly leftOut: number;
  readonly #rows: readonly TokenRow[];
  readonly #size: BatchSize;
  readonly #options: SampleOptions;

  /** Encodes the texts; see {@link promptedBatches}. */
  constructor(tokenizer: Tokenizer, texts: readonly PromptedText[], options: SampleOptions) {
    assertTokenizer("promptedBatches", tokenizer);
    assertOptions("promptedBatches", options, sampleNames);
    assertOrder(options.order ?? "random");
    this.promptFormat = { ...usualFormat, ...options.format };
    assertPromptFormat("the format of prompts", this.promptFormat);
    this.#rows = sampleRows(tokenizer, texts, options, this.promptFormat);
    const longest = this.#rows.reduce((most, { tokens }) => Math.max(most, tokens.length - 1), 1);
    const { batch = Math.min(8, this.#rows.length), length = longest } = options;
    this.#size = { batch, length };
    checkBatchSize(this.#size);
    this.#options = options;
    this.tokenizer = tokenizer;
    this.examples = this.#rows.length;
    this.leftOut = texts.length - this.examples;
  }

  /** The same batches each time. */
  *[Symbol.iterator](): Generator<Batch> {
    const { promptFormat } = this, padding = endOfTextOf(this.tokenizer);
    const batches = this.#options.order === "like-length"
      ? likePasses(this.#rows, this.#size, this.#options, padding)
      : this.#asDrawn(padding);
    for (const each of batches) yield { ...each, promptFormat };
  }

  #asDrawn(padding: number): Generator<Batch> {
    const { epochs = 1, seed = 0, length } = this.#options;
    const pack = length === undefined ? packFitted : packBatches;
    return pack(passes(this.#rows, epochs, seed), this.#size, padding);
  }
}

/**
 * Batches of prompted texts, one text per row, padded on the right; targets are shifted left by one and
 * are −100 on prompt and padding. The last batch of the last pass, or of every pass with `like-length`, is
 * filled up with rows that are not scored, so that the number of rows never changes, nor the shape where `length`
 * is given. Iterating again yields the same batches. What is trained on them remembers their format, so that
 * `complete` writes prompts in the same way.
 *
 * @throws {TypeError} when there are no texts, or an option does not exist.
 * @throws {RangeError} when there are not enough texts that fit; at the call, not at the first batch.
 *
 * @example
 * ```ts
 * import { loadTokenizer, promptedBatches } from "@lowrank/core";
 *
 * const tokenizer = await loadTokenizer("models/tiny-gpt2");
 * const texts = [
 *   { prompt: "oak:", completion: " a tree that bears acorns" },
 *   { prompt: "whale:", completion: " a large mammal of the sea" },
 * ];
 * for (const { inputs, targets } of promptedBatches(tokenizer, texts)) {
 *   console.log(inputs.tokens.shape, targets.shape); // 2 rows, as long as the longer text
 * }
 * ```
 */
export function promptedBatches(
  tokenizer: Tokenizer,
  texts: readonly PromptedText[],
  options: SampleOptions = {},
): PromptedBatches {
  return new PromptedBatches(tokenizer, texts, options);
}

// Running text.

/** All documents in one stream, each after an end-of-text token: `<e> d₁ <e> d₂ … <e>`. */
export function tokenStream({ documents, endOfText, tokens }: EncodedDocuments): Uint32Array {
  const stream = new Uint32Array(tokens + 1);
  stream[0] = endOfText;
  let at = 1;
  for (const document of documents) {
    stream.set(document, at);
    at += document.length;
  }
  return stream;
}

/**
 * Endless batches of random windows of a stream, every position equally likely, crossing documents as
 * in GPT-2's training. The same seed yields the same batches.
 *
 * @throws {RangeError} when the stream is not longer than a window.
 *
 * @example
 * ```ts
 * import { randomWindows } from "@lowrank/core/data";
 * const stream = Uint32Array.from({ length: 100 }, (_, at) => at);
 * for (const { inputs, targets } of randomWindows(stream, { batch: 2, length: 8, seed: 1 })) {
 *   console.log(targets.data[0] === inputs.tokens.data[0] + 1); // true
 *   break;
 * }
 * ```
 */
export function* randomWindows(
  stream: Uint32Array,
  { seed, ...size }: BatchSize & { readonly seed: number },
): Generator<Batch, never> {
  checkBatchSize(size);
  if (stream.length <= size.length) {
    throw new RangeError(
      `windows of ${size.length} tokens need a stream of at least ${
        size.length + 1
      }, found ${stream.length}`,
    );
  }
  const random = new Random(seed);
  const window = (): TokenRow => {
    const start = random.integer(stream.length - size.length);
    return { tokens: stream.subarray(start, start + size.length + 1), scoredFrom: 1 };
  };
  while (true) {
    yield* packBatches(Array.from({ length: size.batch }, window), size, 0);
  }
}

/** Options for cutting held-out text. */
export interface EvaluationOptions extends BatchSize {
  /**
   * Tokens from one window to the next, at most `length`. Default half of `length`: every scored token
   * then sees at least length / 2 tokens before it, or its whole document. A stride of `length` halves
   * the work, but the first tokens of each window have little context.
   */
  readonly stride?: number;
}

/**
 * Batches that score every token of every document exactly once, the end of text included. Windows stay
 * within a document, which starts with the end-of-text token as context, so that a model sees no more
 * than an n-gram model of the same documents, apart from its longer context.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the stride is not an integer from 1 to length.
 */
export function* evaluationWindows(
  encoded: EncodedDocuments,
  options: EvaluationOptions,
): Generator<Batch> {
  assertOptions("evaluationWindows", options, { batch: true, length: true, stride: true });
  const { stride, ...size } = options;
  checkBatchSize(size);
  const step = stride ?? Math.ceil(size.length / 2);
  if (!Number.isInteger(step) || step < 1 || step > size.length) {
    throw new RangeError(
      `evaluation windows need an integer stride from 1 to ${size.length}, found ${step}`,
    );
  }
  yield* packBatches(evaluationRows(encoded, size.length, step), size, encoded.endOfText);
}

function* evaluationRows(
  { documents, endOfText }: EncodedDocuments,
  length: number,
  stride: number,
): Generator<TokenRow> {
  for (const document of documents) {
    const tokens = Uint32Array.from([endOfText, ...document]);
    let scored = 1;
    for (let start = 0; scored < tokens.length; start += stride) {
      const end = Math.min(start + length + 1, tokens.length);
      yield { tokens: tokens.subarray(start, end), scoredFrom: scored - start };
      scored = end;
    }
  }
}
