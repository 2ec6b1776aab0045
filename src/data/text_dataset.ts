/** Texts as batches to train on and batches that are held out. @module */

import type { Batch, PromptFormat } from "../core/batch.ts";
import { boundsOf, howMany } from "../core/numbers.ts";
import { listNames } from "../core/module_names.ts";
import { assertOptions, type OptionNames } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { Random, shuffled } from "../core/random.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import {
  assertOrder,
  type BatchLimit,
  type BatchOrder,
  checkBatchSize,
  drawGroups,
  measuredGroups,
  mostTokens,
  type RowGroups,
  type RowSizes,
} from "./token_rows.ts";
import {
  type FittedText,
  longNote,
  measuredSizesOf,
  packGroups,
  readingOf,
  type ReadModel,
  rowsOf,
  sizesOf,
  type TextLayout,
  type TextReading,
} from "./text_rows.ts";
import type { Texts } from "./texts.ts";

/** Options for making batches from texts. */
export interface TextDatasetOptions {
  /**
   * The share of the texts that is held out, from 0 to below 1, or other texts like them. Default 0.1, but
   * at most 200 texts: they are measured often.
   */
  readonly validation?: number | Texts;
  /** Rows in a batch to train on. Default 8. */
  readonly batch?: number;
  /** Most tokens in a batch to train on, padding counted, in place of a number of rows. */
  readonly tokensPerStep?: number;
  /**
   * Rule for sharing a batch to train on: `like-length`, so that little is padding, or with
   * `random` those that are drawn one after another. Default `random`: in a batch of short rows
   * each token would weigh more than in one of as many long rows. With `tokensPerStep`, where it
   * does not, the default is `like-length`.
   */
  readonly order?: BatchOrder;
  /**
   * Rows in a held-out batch. Default: as many as have, with padding, no more tokens than the texts of the largest
   * batch to train on, as without gradients they take less memory.
   */
  readonly heldOutBatch?: number;
  /** Seed of the split and of the order. Default 0. */
  readonly seed?: number;
  /** Format of the prompts. Default: after the end of text, with a space before completions. */
  readonly format?: Partial<PromptFormat>;
}

const optionNames: OptionNames<TextDatasetOptions> = {
  validation: true,
  batch: true,
  tokensPerStep: true,
  order: true,
  heldOutBatch: true,
  seed: true,
  format: true,
};

/** Batches to train on, and batches that training never sees. */
export interface TextDataset {
  /** One pass over the texts to train on, in random order. */
  readonly train: readonly Batch[];
  /** Rule by which texts share a batch to train on. */
  readonly order: BatchOrder;
  /** The held-out texts, those of like length together, and those of one prompt. */
  readonly validation: readonly Batch[];
  /**
   * Sentences for a reader: the number of texts in each part, and the fate of long ones, or of
   * labels without one.
   */
  readonly notes: readonly string[];
}

/**
 * Makes batches of texts: in those of prompts the completions are scored, in those of plain texts every
 * token, and those of texts with labels are for a classifier. Rows are as long as their batch needs. The same
 * arguments give the same batches.
 *
 * @throws {RangeError} when no text is left to train on, an option is out of range, or the model is an encoder
 * and the texts have no labels.
 * @throws {TypeError} when the tokenizer has no end-of-text token, the texts are none, or an option does not
 * exist.
 *
 * @example
 * ```ts
 * import { injectLora, loadModel, loadTokenizer, openDevice } from "@lowrank/core";
 * import { readTexts, textDataset } from "@lowrank/core";
 *
 * const file = await Deno.makeTempFile({ suffix: ".txt" });
 * await Deno.writeTextFile(file, "The sea is blue.\nThe hold is dry.\nThe men are brave.\n");
 * using device = await openDevice();
 * using model = await loadModel(device, "models/tiny-gpt2");
 * const tokenizer = await loadTokenizer("models/tiny-gpt2");
 * const data = textDataset(model, tokenizer, await readTexts(file));
 * console.log(data.notes[0]); // 2 texts to train on, 1 held out (10%, seed 0)
 * await Deno.remove(file);
 * ```
 */
export function textDataset(
  model: ReadModel,
  tokenizer: Tokenizer,
  texts: Texts,
  options: TextDatasetOptions = {},
): TextDataset {
  assertOptions("textDataset", options, optionNames);
  const { fit, layout } = readingOf("textDataset", model, tokenizer, texts, options.format);
  const { positions } = model, { order = usualOrder(options), seed = 0 } = options;
  assertOrder(order);
  const limit = limitOf(options, positions), split = splitTexts(texts, options, fit);
  const rows = rowsOf(split.kept), sizes = sizesOf(rows, layout);
  if (rows.length === 0) {
    throw new RangeError(`training needs a text of at most ${positions} tokens, found none`);
  }
  assertRoom(limit, sizes);
  const groups = drawGroups(sizes, limit, { order, random: new Random(seed).split(2) });
  return {
    train: packGroups(groups, rows, layout),
    validation: heldOutBatches(texts, split, layout, options, {
      tokens: mostTokens(groups, sizes),
    }),
    order,
    notes: [...notesOf(texts, split, positions), ...stepNote(limit, groups)],
  };
}

/**
 * The default order: of like length where each step has as many tokens, so that each weighs the
 * same.
 */
const usualOrder = ({ tokensPerStep }: TextDatasetOptions): BatchOrder =>
  tokensPerStep === undefined ? "random" : "like-length";

/** The limit of a batch to train on. */
function limitOf(options: TextDatasetOptions, length: number): BatchLimit {
  const { batch, tokensPerStep: tokens, heldOutBatch = 1 } = options;
  if (batch !== undefined && tokens !== undefined) {
    throw new RangeError(
      `textDataset takes batch or tokensPerStep, found both: ${batch} and ${tokens}`,
    );
  }
  for (const rows of [batch ?? 1, heldOutBatch]) checkBatchSize({ batch: rows, length });
  if (tokens === undefined) return { rows: batch ?? 8 };
  if (Number.isInteger(tokens) && tokens >= 1) return { tokens };
  throw new RangeError(`tokensPerStep must be an integer of at least 1, found ${tokens}`);
}

/** Every row must fit a step. */
function assertRoom({ tokens = Infinity }: BatchLimit, { lengths, tokensOf }: RowSizes): void {
  const [, longest] = boundsOf(lengths);
  const least = tokensOf({ rows: 1, longest, tokens: longest });
  if (least <= tokens) return;
  throw new RangeError(
    `a step needs room for the longest text, ${least} tokens, found room for ${tokens}`,
  );
}

function heldOutBatches(
  texts: Texts,
  { heldOut }: Split,
  layout: TextLayout,
  { heldOutBatch }: TextDatasetOptions,
  usual: BatchLimit,
): Batch[] {
  const rows = rowsOf(heldOut), limit = heldOutBatch ? { rows: heldOutBatch } : usual;
  return packGroups(measuredGroups(measuredSizesOf(texts, rows, layout), limit), rows, layout);
}

/** Texts to train on, held-out texts, and the way in which they were chosen. */
interface Split {
  readonly kept: readonly FittedText[];
  readonly heldOut: readonly FittedText[];
  readonly how: string;
}

function splitTexts(
  texts: Texts,
  { validation, seed = 0 }: TextDatasetOptions,
  fit: TextReading["fit"],
): Split {
  const all = shuffled(fit(texts), new Random(seed).split(1));
  if (typeof validation === "object") {
    const heldOut = fit(sameKind(validation, texts));
    return { kept: all, heldOut, how: validation.description };
  }
  const count = heldOutCount(all.length, validation);
  const share = Number((100 * count / all.length).toPrecision(2));
  return { kept: all.slice(count), heldOut: all.slice(0, count), how: `${share}%, seed ${seed}` };
}

function sameKind(validation: Texts, { kind }: Texts): Texts {
  if (validation.kind === kind) return validation;
  throw new RangeError(`held-out texts must be ${kind} like the others, found ${validation.kind}`);
}

/** Held-out share and most held-out texts, where nothing is said. */
const usualShare = 0.1, mostHeldOut = 200;

/**
 * The number of held-out texts: at least one if any share is to be held out and there are two
 * texts.
 */
function heldOutCount(texts: number, asked?: number): number {
  const share = asked ?? Math.min(usualShare, mostHeldOut / texts);
  if (!(share >= 0 && share < 1)) {
    throw new RangeError(`the held-out share must be in [0, 1), found ${share}`);
  }
  return share === 0 ? 0 : Math.min(texts - 1, Math.max(1, Math.round(share * texts)));
}

function notesOf(texts: Texts, split: Split, positions: number): string[] {
  const { kept, heldOut, how } = split;
  const counts = `${howMany(kept.length, "text")} to train on, ${heldOut.length} held out (${how})`;
  return [
    counts,
    ...longNote(texts, [...heldOut, ...kept], positions),
    ...unseenNote(texts, split),
  ];
}

/** The number of rows of a step, where its tokens are limited, in a sentence. */
function stepNote({ tokens }: BatchLimit, groups: RowGroups): string[] {
  if (tokens === undefined) return [];
  const [least, most] = boundsOf(groups.map(({ length }) => length));
  const rows = least === most ? howMany(least, "text") : `${least} to ${most} texts`;
  return [`a pass has ${howMany(groups.length, "step")} of ${rows}`];
}

/** Labels that held-out texts have and no other text, which cannot be learned. */
function unseenNote(texts: Texts, { kept, heldOut }: Split): string[] {
  if (texts.kind !== "labeled") return [];
  const [seen, held] = [kept, heldOut].map((some) =>
    new Set(rowsOf(some).map(({ label }) => label))
  );
  const unseen = texts.labels.filter((_, index) => held.has(index) && !seen.has(index));
  if (unseen.length === 0) return [];
  const list = listNames(unseen.map(quote));
  return [`labels of held-out texts alone, which cannot be learned: ${list}`];
}
