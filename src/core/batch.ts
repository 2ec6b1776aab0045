/** Batches: what goes into a model, and what should come out. @module */

import { type HostTensor, isFloat } from "./host_tensor.ts";

/** What goes into a transformer. */
export interface ModelInputs {
  /** u32 (batch, time): token ids. */
  readonly tokens: HostTensor;
  /** u32 (batch, keys): 0 hides a token from every query. Default: all are seen. */
  readonly attentionMask?: HostTensor;
  /** u32 (batch, time). Default: 0, 1, 2, … after what a cache holds. */
  readonly positionIds?: HostTensor;
  /** u32 (batch, time): which segment each token belongs to. Default: no segments. */
  readonly tokenTypeIds?: HostTensor;
}

/** Inputs of a model with the targets that its outputs are compared with. */
export interface Batch<Inputs = ModelInputs> {
  /** What the model's forward takes. */
  readonly inputs: Inputs;
  /**
   * i32: a class for each row of the outputs. For a language model those are the next tokens, (batch, time),
   * **shifted already**: `targets[t]` is `tokens[t + 1]` (`labels` of PEFT and transformers are shifted
   * inside). f32 (rows, outputs): values, or a teacher's outputs.
   */
  readonly targets: HostTensor;
}

/** Number of labels that count: those that are not negative (-100 is ignored, as everywhere). */
export function countLabels(labels: ArrayLike<number>): number {
  let count = 0;
  for (let i = 0; i < labels.length; i++) if (labels[i] >= 0) count++;
  return count;
}

/** What a mean over targets is taken of: integers that are not negative, or rows of floats. */
export function countTargets({ shape, data }: HostTensor): number {
  return isFloat(data) ? shape[0] : countLabels(data);
}
