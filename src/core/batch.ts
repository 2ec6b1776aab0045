/** Batches: what goes into a model, and what should come out. @module */

import { type HostTensor, isFloat } from "./host_tensor.ts";
import type { PromptFormat } from "./prompt_format.ts";

/** What goes into a transformer. */
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
  /** What the model's forward takes. */
  readonly inputs: Inputs;
  /**
   * i32: a class for each row of the outputs. For a language model these are the next tokens, (batch,
   * time), **already shifted**: `targets[t]` is `tokens[t + 1]` (transformers shifts its `labels`
   * inside the model). f32 (rows, outputs): values to fit, or a teacher's outputs.
   */
  readonly targets: HostTensor;
  /** How its prompts are written, if it has prompts: what is trained on it remembers this. */
  readonly promptFormat?: PromptFormat;
}

/** Tokens without padding: those that the mask shows, else those of each row up to its last label. */
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

/** How many targets a mean is taken over: integers that are not negative, or rows of floats. */
export function countTargets({ shape, data }: HostTensor): number {
  return isFloat(data) ? shape[0] : countLabels(data);
}

/** The share of the label that most rows of all batches have, from 0 to 1: what guessing it would get. */
export function mostFrequentLabel(batches: readonly Batch<unknown>[]): number {
  const labels = batches.flatMap(({ targets }) => [...targets.data]);
  const counts = [...Map.groupBy(labels, (label) => label).values()].map(({ length }) => length);
  return Math.max(...counts) / labels.length;
}
