/** Texts as batches to train on and batches that are held out. @module */

import type { Batch } from "../core/batch.ts";
import { howMany } from "../core/how_many.ts";
import { assertPromptFormat, type PromptFormat } from "../core/prompt_format.ts";
import { Random } from "../core/random.ts";
import { endOfTextOf } from "../tokenizer/prompt.ts";
import type { Tokenizer } from "../tokenizer/tokenizer.ts";
import { fates, type FittedText, fitTexts, formatFor, type TextRow } from "./text_rows.ts";
import type { Texts } from "./texts.ts";
import { checkBatchSize, packBatch } from "./token_rows.ts";

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

/** Batches to train on, and batches that training never sees. */
export interface TextDataset {
  /** One pass over the texts to train on, in random order. */
  readonly train: readonly Batch[];
  /** The held-out texts. */
  readonly validation: readonly Batch[];
  /** How many texts are in which, and what became of long ones: sentences for a reader. */
  readonly notes: readonly string[];
}

/**
 * Makes batches of texts: in those of prompts the completions are scored, in those of plain texts every
 * token, and those of texts with labels are for a classifier. Rows are as long as their batch needs.
 *
 * @param model The model's positions are the most tokens in a row.
 * @throws {RangeError} when no text is left to train on, or an option is out of range.
 * @throws {TypeError} when the tokenizer has no end-of-text token.
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
  { positions }: { readonly positions: number },
  tokenizer: Tokenizer,
  texts: Texts,
  { validation, batch = 8, seed = 0, format: given }: TextDatasetOptions = {},
): TextDataset {
  const format = formatFor(texts, given), fit = { tokenizer, length: positions, format };
  checkBatchSize({ batch, length: positions });
  assertPromptFormat("the format of prompts", format);
  const random = new Random(seed), all = shuffled(fitTexts(texts, fit), random.split(1));
  const [heldOut, kept] = isTexts(validation)
    ? [fitTexts(sameKind(validation, texts), fit), all]
    : splitAt(all, heldOutCount(all.length, validation));
  const rows = shuffled(rowsOf(kept), random.split(2));
  if (rows.length === 0) {
    throw new RangeError(`training needs a text of at most ${positions} tokens, found none`);
  }
  const padding = endOfTextOf(tokenizer), promptFormat = promptsOf(texts, format);
  const pack = { batch, positions, padding, promptFormat };
  const share = isTexts(validation)
    ? validation.description
    : shareText(heldOut.length, all.length);
  const how = isTexts(validation) ? share : `${share}, seed ${seed}`;
  return {
    train: packRows(rows, pack),
    validation: packRows(rowsOf(heldOut).toSorted(byLength), pack),
    notes: [
      `${howMany(kept.length, "text")} to train on, ${heldOut.length} held out (${how})`,
      ...lengthNotes(texts.kind, [...heldOut, ...kept], positions),
    ],
  };
}

const isTexts = (validation: number | Texts | undefined): validation is Texts =>
  typeof validation === "object";

const shareText = (count: number, all: number) => `${Number((100 * count / all).toPrecision(2))}%`;

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

const splitAt = <T>(list: readonly T[], count: number): [T[], T[]] => [
  list.slice(0, count),
  list.slice(count),
];

const shuffled = <T>(list: readonly T[], random: Random): T[] =>
  Array.from(random.permutation(list.length), (index) => list[index]);

const rowsOf = (texts: readonly FittedText[]): TextRow[] => texts.flatMap(({ rows }) => rows);

const byLength = (a: TextRow, b: TextRow): number => a.tokens.length - b.tokens.length;

function lengthNotes(
  kind: Texts["kind"],
  texts: readonly FittedText[],
  positions: number,
): string[] {
  const count = texts.filter(({ isTooLong }) => isTooLong).length;
  if (count === 0) return [];
  const longer = `${howMany(count, "text is", "texts are")} longer than the model's ${positions}`;
  return [`${longer} tokens: ${fates[kind]}`];
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

/** Lengths of batches are multiples of this: a GPU compiles kernels for each. */
const lengthStep = 16;

function packOne(rows: readonly TextRow[], { positions, padding, promptFormat }: Packing): Batch {
  const labels = rows.flatMap(({ label }) => label ?? []);
  if (labels.length > 0) return packLabeled(rows, labels, padding);
  const longest = Math.max(...rows.map(({ tokens }) => tokens.length - 1));
  const length = Math.min(positions, lengthStep * Math.ceil(longest / lengthStep));
  return { ...packBatch(rows, { batch: rows.length, length }, padding), promptFormat };
}

function packLabeled(rows: readonly TextRow[], labels: number[], padding: number): Batch {
  const length = Math.max(...rows.map(({ tokens }) => tokens.length));
  const shape = [rows.length, length], data = new Uint32Array(rows.length * length).fill(padding);
  rows.forEach(({ tokens }, row) => data.set(tokens, row * length));
  const targets = { shape: [rows.length], data: Int32Array.from(labels) };
  return { inputs: { tokens: { shape, data } }, targets };
}
