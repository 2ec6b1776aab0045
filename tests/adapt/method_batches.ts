/** Bases, batches and modules of the golden steps of methods. @module */

import type { Batch } from "../../src/train/mod.ts";

/** The golden folder of each base. */
export const models: Readonly<Record<string, string>> = {
  gpt2: "gpt2_tiny",
  llama: "families/llama",
  bert: "families/bert_classifier",
  neox: "families/gpt_neox",
  mpnet: "families/mpnet_classifier",
};

/** A batch as PyTorch has it. */
export interface RawBatch {
  /** Tokens. */
  readonly input_ids: number[][];
  /** Classes, or the tokens again. */
  readonly labels: number[] | number[][];
}

/** The adapted modules of each base. */
export const targets: Readonly<Record<string, string[]>> = {
  gpt2: ["c_attn", "c_proj", "c_fc"],
  llama: ["q_proj", "v_proj", "down_proj"],
  bert: ["query", "value", "output.dense"],
  neox: ["query_key_value", "attention.dense", "dense_4h_to_h"],
  mpnet: ["attn.q", "attn.v", "output.dense"],
};

/** The same with its targets shifted. */
export function batchOf({ input_ids, labels }: RawBatch): Batch {
  const shape = [input_ids.length, input_ids[0].length];
  const isCausal = Array.isArray(labels[0]);
  const next = (labels as number[][]).flatMap((row) => isCausal ? [...row.slice(1), -100] : row);
  return {
    inputs: { tokens: { shape, data: Uint32Array.from(input_ids.flat()) } },
    targets: { shape: isCausal ? shape : [shape[0]], data: Int32Array.from(next) },
  };
}
