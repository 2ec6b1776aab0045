/** Batches of prompted texts, in which only the completions are scored. @module */

import type { Batch } from "../core/batch.ts";
import { assertPromptFormat, plainPrompt, type PromptFormat } from "../core/prompt_format.ts";
import { Random } from "../core/random.ts";
import { encodePrompt, endOfTextOf } from "../tokenizer/prompt.ts";
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
  /** How prompts are written, where not as usual: after the end of text, without template and separator. */
  readonly format?: Partial<PromptFormat>;
}

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

/** The first `examples` texts, in random order, that fit in a row; longer ones are skipped, not cut. */
function sampleRows(
  tokenizer: Tokenizer,
  texts: readonly PromptedText[],
  { examples, length, seed }: SampleOptions,
  format: PromptFormat,
): TokenRow[] {
  if (!Number.isInteger(examples) || examples < 1) {
    throw new RangeError(`sampling needs at least 1 example, found ${examples}`);
  }
  const rows: TokenRow[] = [];
  for (const index of new Random(seed).permutation(texts.length)) {
    if (rows.length === examples) return rows;
    const row = encodePrompted(tokenizer, texts[index], format);
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
 * scored, so that the shape never changes. Iterating again yields the same batches. What is trained on them
 * remembers their format, so that `complete` writes prompts in the same way.
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
  const promptFormat = { ...usualFormat, ...options.format };
  assertPromptFormat("the format of prompts", promptFormat);
  const rows = sampleRows(tokenizer, texts, options, promptFormat);
  const padding = endOfTextOf(tokenizer), size = { batch, length };
  return {
    *[Symbol.iterator]() {
      for (const each of packBatches(passes(rows, epochs, seed), size, padding)) {
        yield { ...each, promptFormat };
      }
    },
  };
}
