/** Texts with labels, as the studies of classifiers draw them. @module */

import { sha256 } from "../src/storage/digest.ts";
import { Random, shuffled } from "../src/core/random.ts";
import {
  type LabeledText,
  type ReadModel,
  type TextDataset,
  textDataset,
  type TextDatasetOptions,
  type Texts,
} from "../src/data/mod.ts";
import type { Tokenizer } from "../src/tokenizer/mod.ts";
import type { Batch } from "../src/train/mod.ts";

/** Texts of the kind that classifiers learn from. */
export type LabeledTexts = Extract<Texts, { kind: "labeled" }>;

/**
 * The texts of one part of a task, with the digest that names it in specifications.
 *
 * @param description Number of texts, in words for a reader.
 */
export async function labeledTexts(
  rows: readonly LabeledText[],
  labels: readonly string[],
  description: string,
): Promise<LabeledTexts> {
  const digest = await sha256(new TextEncoder().encode(JSON.stringify(rows)));
  return { kind: "labeled", rows, labels, description, digest };
}

/** The batches of the studies of classifiers. */
export interface DrawnDataset extends Pick<TextDatasetOptions, "validation" | "seed"> {
  /** Texts in a batch, of training and of what is held out. */
  readonly batch: number;
}

/** Texts in batches as they are drawn, in random order: the committed results of the studies are of these. */
export const drawnDataset = (
  model: ReadModel,
  tokenizer: Tokenizer,
  texts: LabeledTexts,
  options: DrawnDataset,
): TextDataset =>
  textDataset(model, tokenizer, texts, {
    ...options,
    order: "random",
    heldOutBatch: options.batch,
  });

/** Options for making batches of texts to train on. */
export interface SortedBatches {
  /** Texts in a batch. */
  readonly batch: number;
  /** Batches whose texts are sorted together. */
  readonly window: number;
  /** Seed of both orders. */
  readonly seed: number;
}

/**
 * Batches to train on whose texts are of like length, as a step takes as long as its longest text: so many
 * batches at a time, of texts in random order, are sorted by length, cut anew, and put in random order.
 */
export function sortedBatches(
  model: ReadModel,
  tokenizer: Tokenizer,
  texts: LabeledTexts,
  { batch, window, seed }: SortedBatches,
): Batch[] {
  const random = new Random(seed), size = batch * window;
  const rows = shuffled(texts.rows, random);
  return Array.from({ length: Math.ceil(rows.length / size) }, (_, i) => {
    const own = { ...texts, rows: rows.slice(i * size, (i + 1) * size) };
    // What is held out is in batches of like length.
    return shuffled(
      drawnDataset(model, tokenizer, own, { validation: own, batch }).validation,
      random,
    );
  }).flat();
}
