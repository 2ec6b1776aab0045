/** Batches of the WordNet tasks. @module */

import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { type GlossSplit, type GlossTask, promptedText, splitOf } from "./gloss.ts";
import {
  type PromptedBatches,
  promptedBatches,
  type PromptedText,
  type SampleOptions,
} from "./prompted_batches.ts";
import { loadMeanings, type Meaning, type PartOfSpeech } from "./wordnet.ts";

/** Options of {@link glossBatches}. */
export interface GlossOptions extends SampleOptions {
  /** Which split of the words. */
  readonly split: GlossSplit;
  /** The task. Default `gloss`. */
  readonly task?: GlossTask;
  /** The part of speech. Default `noun`. */
  readonly part?: PartOfSpeech;
}

/**
 * Batches of a WordNet task. Iterating again yields the same batches.
 *
 * @throws {RangeError} when the split has too few examples that fit `length` tokens.
 *
 * @example
 * ```ts ignore
 * const batches = await glossBatches(tokenizer, {
 *   split: "train", examples: 4000, batch: 32, length: 64, seed: 1, epochs: Infinity,
 * });
 * for await (const { step, loss } of train(model, batches, options)) report(step, loss);
 * ```
 */
export async function glossBatches(
  tokenizer: Tokenizer,
  options: GlossOptions,
): Promise<PromptedBatches> {
  const { split, task = "gloss", part = "noun", ...sampling } = options;
  const texts = glossTexts(await loadMeanings(part), split, task);
  return promptedBatches(tokenizer, texts, sampling);
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
