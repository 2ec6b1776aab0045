/** Batches of prompted texts in which only completions are scored, and those of the WordNet tasks. @module */

import { Random } from "../core/random.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import {
  type GlossSplit,
  type GlossTask,
  type PromptedText,
  promptedText,
  splitOf,
} from "./gloss.ts";
import {
  type BatchSize,
  checkBatchSize,
  packBatches,
  type TokenBatch,
  type TokenRow,
} from "./token_batch.ts";
import { loadMeanings, type Meaning, type PartOfSpeech } from "./wordnet.ts";

/** Which examples, in what order, how often. */
export interface SampleOptions extends BatchSize {
  /** Number of examples. A smaller number with the same seed takes the first of them. */
  readonly examples: number;
  /** Chooses the examples and shuffles every pass. */
  readonly seed: number;
  /** Passes over the examples. Default 1; `Infinity` never ends. */
  readonly epochs?: number;
}

/** What {@link glossBatches} needs beside the tokenizer. */
export interface GlossOptions extends SampleOptions {
  /** Which words. */
  readonly split: GlossSplit;
  /** What is asked. Default `gloss`. */
  readonly task?: GlossTask;
  /** Of which words. Default `noun`. */
  readonly part?: PartOfSpeech;
}

/**
 * The tokens `<e> prompt completion <e>` of a prompted text, of which the completion and the final
 * end of text are scored.
 *
 * @throws TypeError if the tokenizer has no end-of-text token.
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

/** The first `examples` texts in a random order that fit a row; longer ones are left out, not cut. */
function sampleRows(
  tokenizer: Tokenizer,
  texts: readonly PromptedText[],
  { examples, length, seed }: SampleOptions,
): TokenRow[] {
  if (!Number.isInteger(examples) || examples < 1) {
    throw new RangeError(`sampling needs a whole number of at least 1 examples, found ${examples}`);
  }
  const rows: TokenRow[] = [];
  for (const index of new Random(seed).permutation(texts.length)) {
    if (rows.length === examples) return rows;
    const row = encodePrompted(tokenizer, texts[index]);
    if (row.tokens.length <= length + 1) rows.push(row);
  }
  if (rows.length === examples) return rows;
  throw new RangeError(
    `sampling ${examples} examples needs as many that fit ${length} tokens, found ${rows.length}`,
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
 * scored, so that the shape never changes.
 *
 * @throws RangeError if there are not enough texts that fit, at the call and not at the first batch.
 */
export function promptedBatches(
  tokenizer: Tokenizer,
  texts: readonly PromptedText[],
  options: SampleOptions,
): Iterable<TokenBatch> {
  checkBatchSize(options);
  const { batch, length, seed, epochs = 1 } = options;
  const rows = sampleRows(tokenizer, texts, options);
  const padding = tokenizer.endOfText!;
  return {
    [Symbol.iterator]: () => packBatches(passes(rows, epochs, seed), { batch, length }, padding),
  };
}

/**
 * Batches of a WordNet task. Iterating again gives the same batches again.
 *
 * @throws RangeError if the split has too few examples that fit `length` tokens.
 *
 * @example
 * ```ts ignore
 * const batches = await glossBatches(tokenizer, {
 *   split: "train", examples: 4000, batch: 32, length: 64, seed: 1, epochs: Infinity,
 * });
 * for (const { shape, inputs, targets } of batches) step({ shape, data: inputs }, targets);
 * ```
 */
export async function glossBatches(
  tokenizer: Tokenizer,
  options: GlossOptions,
): Promise<Iterable<TokenBatch>> {
  const { split, task = "gloss", part = "noun" } = options;
  const texts = glossTexts(await loadMeanings(part), split, task);
  return promptedBatches(tokenizer, texts, options);
}

/** The prompted texts of one split, in the order of the meanings. */
export function glossTexts(
  meanings: readonly Meaning[],
  split: GlossSplit,
  task: GlossTask = "gloss",
): PromptedText[] {
  return meanings
    .filter(({ lemma }) => splitOf(lemma) === split)
    .map((meaning) => promptedText(meaning, task));
}
