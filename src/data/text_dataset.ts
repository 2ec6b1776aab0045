/** Texts as batches to train on and batches that are held out. @module */

import type { Batch } from "../core/batch.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { howMany } from "../core/how_many.ts";
import { listNames } from "../core/module_names.ts";
import { assertOptions, type OptionNames } from "../core/options.ts";
import { assertPromptFormat, type PromptFormat } from "../core/prompt_format.ts";
import { quote } from "../core/quote.ts";
import { Random } from "../core/random.ts";
import { assertTokenizer, endOfTextOf } from "../tokenizer/prompt.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { fates, type FittedText, fitTexts, formatFor } from "./text_rows.ts";
import type { RowOptions, TextRow } from "./text_rows.ts";
import type { Texts } from "./texts.ts";
import { checkBatchSize, fittedLength, packBatch } from "./token_rows.ts";

/** How texts become batches. */
export interface TextDatasetOptions {
  /**
   * The share of the texts that is held out, from 0 to below 1, or other texts like them. Default 0.1, but
   * at most 200 texts: they are measured often.
   */
  readonly validation?: number | Texts;
  /** Rows in a batch. Default 8. */
  readonly batch?: number;
  /** Seed of the split and of the order. Default 0. */
  readonly seed?: number;
  /** How prompts are written. Default: after the end of text, with a space before completions. */
  readonly format?: Partial<PromptFormat>;
}

const optionNames: OptionNames<TextDatasetOptions> = {
  validation: true,
  batch: true,
  seed: true,
  format: true,
};

/** What a model reads: how many tokens, what fills up short rows, and whether it predicts the next one. */
export interface ReadModel {
  /** Most tokens in a row. */
  readonly positions: number;
  /** Token that fills up short rows. Default: the end of text. */
  readonly padding?: number;
  /** Whether it predicts the next token, as it must for texts without labels. Default true. */
  readonly isCausal?: boolean;
}

/** Batches to train on, and batches that training never sees. */
export interface TextDataset {
  /** One pass over the texts to train on, in random order. */
  readonly train: readonly Batch[];
  /** The held-out texts. */
  readonly validation: readonly Batch[];
  /** How many texts are in which, and what became of long ones, or of labels without one: sentences for a reader. */
  readonly notes: readonly string[];
}

/**
 * Makes batches of texts: in those of prompts the completions are scored, in those of plain texts every
 * token, and those of texts with labels are for a classifier. Rows are as long as their batch needs.
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
  assertWhole(model, tokenizer, texts);
  assertOptions("textDataset", options, optionNames);
  const { positions, isCausal = true } = model, { batch = 8, seed = 0 } = options;
  if (!isCausal && texts.kind !== "labeled") {
    throw new RangeError(
      "to learn from texts without labels a model must predict the next token, found an encoder or a " +
        "classifier",
    );
  }
  checkBatchSize({ batch, length: positions });
  const format = formatFor(texts, options.format);
  assertPromptFormat("the format of prompts", format);
  const split = splitTexts(texts, options, { tokenizer, length: positions, format });
  const rows = shuffled(rowsOf(split.kept), new Random(seed).split(2));
  if (rows.length === 0) {
    throw new RangeError(`training needs a text of at most ${positions} tokens, found none`);
  }
  const padding = model.padding ?? endOfTextOf(tokenizer);
  const promptFormat = promptsOf(texts, format);
  const pack = { batch, positions, padding, promptFormat };
  return {
    train: packRows(rows, pack),
    validation: packRows(rowsOf(split.heldOut).toSorted(byLength), pack),
    notes: notesOf(texts, split, positions),
  };
}

/** Callers without types may leave something out, or pass the name of a file as texts. */
function assertWhole(model: { positions: number }, tokenizer: Tokenizer, texts: Texts): void {
  if (!Number.isInteger(model?.positions)) {
    throw new TypeError(`textDataset needs a model, found ${quote(model)}`);
  }
  assertTokenizer("textDataset", tokenizer);
  if (Array.isArray(texts?.rows)) return;
  throw new TypeError(
    `textDataset needs texts, as in textDataset(model, tokenizer, await readTexts(file)), found ${
      quote(texts)
    }`,
  );
}

/** Texts to train on, those that are held out, and how they were chosen. */
interface Split {
  readonly kept: readonly FittedText[];
  readonly heldOut: readonly FittedText[];
  readonly how: string;
}

function splitTexts(
  texts: Texts,
  { validation, seed = 0 }: TextDatasetOptions,
  fit: RowOptions,
): Split {
  const all = shuffled(fitTexts(texts, fit), new Random(seed).split(1));
  if (typeof validation === "object") {
    const heldOut = fitTexts(sameKind(validation, texts), fit);
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

/** Labels say what a classifier is asked; only prompts and plain texts are written in a format. */
const promptsOf = ({ kind }: Texts, format: PromptFormat): PromptFormat | undefined =>
  kind === "labeled" ? undefined : format;

/** What is held out where nothing is said. */
const usualShare = 0.1, mostHeldOut = 200;

/** At least one text if any share is to be held out and two are there. */
function heldOutCount(texts: number, asked?: number): number {
  const share = asked ?? Math.min(usualShare, mostHeldOut / texts);
  if (!(share >= 0 && share < 1)) {
    throw new RangeError(`the held-out share must be in [0, 1), found ${share}`);
  }
  return share === 0 ? 0 : Math.min(texts - 1, Math.max(1, Math.round(share * texts)));
}

const shuffled = <T>(list: readonly T[], random: Random): T[] =>
  Array.from(random.permutation(list.length), (index) => list[index]);

const rowsOf = (texts: readonly FittedText[]): TextRow[] => texts.flatMap(({ rows }) => rows);

const byLength = (a: TextRow, b: TextRow): number => a.tokens.length - b.tokens.length;

function notesOf(texts: Texts, split: Split, positions: number): string[] {
  const { kept, heldOut, how } = split;
  const counts = `${howMany(kept.length, "text")} to train on, ${heldOut.length} held out (${how})`;
  const long = [...heldOut, ...kept].filter(({ isTooLong }) => isTooLong).length;
  const longer = `${howMany(long, "text is", "texts are")} longer than the model's ${positions}`;
  return [
    counts,
    ...long > 0 ? [`${longer} tokens: ${fates[texts.kind]}`] : [],
    ...unseenNote(texts, split),
  ];
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

/** What packs rows. */
interface Packing {
  readonly batch: number;
  readonly positions: number;
  readonly padding: number;
  readonly promptFormat?: PromptFormat;
}

function packRows(rows: readonly TextRow[], packing: Packing): Batch[] {
  const { batch } = packing;
  return Array.from(
    { length: Math.ceil(rows.length / batch) },
    (_, i) => packOne(rows.slice(batch * i, batch * (i + 1)), packing),
  );
}

function packOne(rows: readonly TextRow[], { positions, padding, promptFormat }: Packing): Batch {
  const labels = rows.flatMap(({ label }) => label ?? []);
  if (labels.length > 0) return packLabeled(rows, labels, padding);
  const length = fittedLength(rows, positions);
  return { ...packBatch(rows, { batch: rows.length, length }, padding), promptFormat };
}

function packLabeled(rows: readonly TextRow[], labels: number[], padding: number): Batch {
  const length = Math.max(...rows.map(({ tokens }) => tokens.length));
  const shape = [rows.length, length], data = new Uint32Array(rows.length * length).fill(padding);
  rows.forEach(({ tokens }, row) => data.set(tokens, row * length));
  const targets = { shape: [rows.length], data: Int32Array.from(labels) };
  const isFull = rows.every(({ tokens }) => tokens.length === length);
  const mask = isFull ? {} : { attentionMask: maskOf(rows, length) };
  return { inputs: { tokens: { shape, data }, ...mask }, targets };
}

/** 1 for the tokens of a row, 0 for those that fill it up. */
function maskOf(rows: readonly TextRow[], length: number): HostTensor {
  const data = new Uint32Array(rows.length * length);
  rows.forEach(({ tokens }, row) => data.fill(1, row * length, row * length + tokens.length));
  return { shape: [rows.length, length], data };
}
