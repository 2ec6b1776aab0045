/** Batches of prompted texts, in which only the completions are scored. @module */

import type { Batch } from "../core/batch.ts";
import { Random } from "../core/random.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type BatchSize, checkBatchSize, packBatches, type TokenRow } from "./token_rows.ts";

/** A prompt and its correct completion, which starts with a space. */
export interface PromptedText {
  /** What the model is given. */
  readonly prompt: string;
  /** What the model should continue with; the end of text follows. */
  readonly completion: string;
}

/** Which examples, in which order, and how often. */
export interface SampleOptions extends BatchSize {
  /** Number of examples. With the same seed, a smaller number takes a prefix of the same examples. */
  readonly examples: number;
  /** Seed for choosing the examples and shuffling every pass. */
  readonly seed: number;
  /** Passes over the examples. Default 1; `Infinity` never ends. */
  readonly epochs?: number;
}

/**
 * The tokens `<e> prompt completion <e>` of a prompted text, of which the completion and the final
 * end of text are scored.
 *
 * @throws {TypeError} when the tokenizer has no end-of-text token.
 */
export function encodePrompted(
  tokenizer: Tokenizer,
  { prompt, completion }: PromptedText,
): TokenRow {
  const { endOfText } = tokenizer;
  if (endOfText === undefined) {
    throw new TypeError(
      "encoding a prompt needs a tokenizer with an end-of-text token, found none",
    );
  }
  const context = [endOfText, ...tokenizer.encode(prompt)];
  const tokens = [...context, ...tokenizer.encode(completion), endOfText];
  return { tokens, scoredFrom: context.length };
}

/** The first `examples` texts, in random order, that fit in a row; longer ones are skipped, not cut. */
function sampleRows(
  tokenizer: Tokenizer,
  texts: readonly PromptedText[],
  { examples, length, seed }: SampleOptions,
): TokenRow[] {
  if (!Number.isInteger(examples) || examples < 1) {
    throw new RangeError(`sampling needs at least 1 example, found ${examples}`);
  }
  const rows: TokenRow[] = [];
  for (const index of new Random(seed).permutation(texts.length)) {
    if (rows.length === examples) return rows;
    const row = encodePrompted(tokenizer, texts[index]);
    if (row.tokens.length <= length + 1) rows.push(row);
  }
  if (rows.length === examples) return rows;
  throw new RangeError(
    `sampling ${examples} examples needs ${examples} that fit in ${length} tokens, found ${rows.length}`,
  );
}

/** All rows once per pass, in a new order each time. */
function* passes(rows: readonly TokenRow[], epochs: number, seed: number): Generator<TokenRow> {
  const random = new Random(seed).split(1);
  for (let epoch = 0; epoch < epochs; epoch++) {
    for (const index of random.permutation(rows.length)) yield rows[index];
  }
}

/**
 * Batches of prompted texts, one text per row, padded on the right; targets are shifted left by one and
 * are −100 on prompt and padding. The last batch of the last pass is filled up with rows that are not
 * scored, so that the shape never changes. Iterating again yields the same batches.
 *
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
 * const options = { examples: 2, batch: 2, length: 32, seed: 1 };
 * for (const { inputs, targets } of promptedBatches(tokenizer, texts, options)) {
 *   console.log(inputs.tokens.shape, targets.data.length); // [2, 32] 64
 * }
 * ```
 */
export function promptedBatches(
  tokenizer: Tokenizer,
  texts: readonly PromptedText[],
  options: SampleOptions,
): Iterable<Batch> {
  checkBatchSize(options);
  const { batch, length, seed, epochs = 1 } = options;
  const rows = sampleRows(tokenizer, texts, options);
  const padding = tokenizer.endOfText!;
  return {
    [Symbol.iterator]: () => packBatches(passes(rows, epochs, seed), { batch, length }, padding),
  };
}
