/**
 * Batches: the inputs of a model and the targets of its loss; and the format of prompts and
 * completions, the same in training and afterwards.
 *
 * @module
 */

import { isRecord, isText } from "./checks.ts";
import { quote } from "./errors.ts";
import { type HostTensor, isFloat } from "./tensor.ts";

// Batches.

/** Inputs of a transformer. */
export interface ModelInputs {
  /** u32 (batch, time): token ids; (1, Σ lengths) of packed sequences. */
  readonly tokens: HostTensor;
  /** Tokens of each sequence, where they are packed: one after another in one row, and none is hidden. */
  readonly lengths?: readonly number[];
  /** u32 (batch, keys): 0 hides a token from every query. Default: all are seen. */
  readonly attentionMask?: HostTensor;
  /** u32 (batch, time). Default: 0, 1, 2, … in each sequence, counted from the end of the cache. */
  readonly positionIds?: HostTensor;
  /** u32 (batch, time): which segment each token belongs to. Default: no segments. */
  readonly tokenTypeIds?: HostTensor;
}

/** Inputs of a model with the targets that its outputs are compared with. */
export interface Batch<Inputs = ModelInputs> {
  /** Inputs of the model's forward pass. */
  readonly inputs: Inputs;
  /**
   * i32: a class for each row of the outputs. For a language model these are the next tokens, (batch,
   * time), **already shifted**: `targets[t]` is `tokens[t + 1]` (transformers shifts its `labels`
   * inside the model). f32 (rows, outputs): values to fit, or a teacher's outputs.
   */
  readonly targets: HostTensor;
  /** Format of its prompts, if it has prompts; adapters trained on it record this. */
  readonly promptFormat?: PromptFormat;
}

/**
 * Counts the tokens without padding: those that the mask shows, or else the tokens of each row up
 * to its last label.
 */
export function countTokens({ inputs: { tokens, attentionMask }, targets }: Batch): number {
  const { shape: [rows, time], data } = tokens;
  if (attentionMask) return countWhere(attentionMask.data, (shown) => shown !== 0);
  if (targets.data.length !== data.length) return data.length;
  const lengthOf = (row: number) =>
    targets.data.subarray(row * time, (row + 1) * time).findLastIndex((label) => label >= 0) + 1;
  return Array.from({ length: rows }, (_, row) => lengthOf(row)).reduce((a, b) => a + b, 0);
}

function countWhere(values: ArrayLike<number>, counts: (value: number) => boolean): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) if (counts(values[i])) count++;
  return count;
}

/** Number of labels that are not ignored: those that are not negative (-100 is ignored, as in PyTorch). */
export const countLabels = (labels: ArrayLike<number>): number =>
  countWhere(labels, (label) => label >= 0);

/**
 * The number of targets that a mean is taken over: integers that are not negative, or rows of
 * floats.
 */
export function countTargets({ shape, data }: HostTensor): number {
  return isFloat(data) ? shape[0] : countLabels(data);
}

/** The share of the label that most rows of all batches have, from 0 to 1: what guessing it would get. */
export function mostFrequentLabel(batches: readonly Batch<unknown>[]): number {
  const labels = batches.flatMap(({ targets }) => [...targets.data]);
  const counts = [...Map.groupBy(labels, (label) => label).values()].map(({ length }) => length);
  return Math.max(...counts) / labels.length;
}

// Prompts and completions.

/**
 * The format of prompted text, as tokens: `<end of text> template(prompt)`, then
 * `separator completion <end of text>`. A model answers well only where a prompt is written as in its
 * training.
 */
export interface PromptFormat {
  /** Text around the prompt, which replaces its one `{prompt}`: `"Question: {prompt}\nAnswer:"`. */
  readonly template: string;
  /**
   * True if the end-of-text token precedes the prompt, as it precedes every document in
   * pretraining.
   */
  readonly endOfTextFirst: boolean;
  /**
   * Text that every completion begins with and that answers leave out: `" "` for completions as in
   * a table.
   */
  readonly separator: string;
}

/** The prompt alone, as Hugging Face's tokenizers encode it where nothing is said. */
export const plainPrompt: PromptFormat = {
  template: "{prompt}",
  endOfTextFirst: false,
  separator: "",
};

/** Placeholder of the prompt in a template. */
const slot = "{prompt}";

/**
 * Throws unless a value, which may come from a file, is a format.
 *
 * @param what Names it in the message.
 * @throws {TypeError} when it is not a record of just these fields.
 * @throws {RangeError} when its template does not have `{prompt}` once.
 */
export function assertPromptFormat(what: string, value: unknown): asserts value is PromptFormat {
  if (!hasFields(value)) {
    throw new TypeError(
      `${what} must have a text as template, true or false as endOfTextFirst, a text as separator and ` +
        `nothing else, found ${quote(value)}`,
    );
  }
  if (isTemplate(value.template)) return;
  throw new RangeError(
    `the template of ${what} must contain ${slot} once, found ${quote(value.template)}`,
  );
}

/** True if a text contains the placeholder of the prompt exactly once. */
export const isTemplate = (text: string): boolean => text.split(slot).length === 2;

function hasFields(value: unknown): value is PromptFormat {
  return isRecord(value) && isText(value.template) && isText(value.separator) &&
    typeof value.endOfTextFirst === "boolean" &&
    Object.keys(value).every((field) => Object.hasOwn(plainPrompt, field));
}

/** The text of a prompt: the template around it. */
export function fillTemplate({ template }: PromptFormat, prompt: string): string {
  return template.replace(slot, () => prompt);
}
