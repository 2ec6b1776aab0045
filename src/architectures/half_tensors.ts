/** Which tensors of a frozen model may be stored in 16 bits. @module */

import type { Architecture, TensorSpec } from "./architecture.ts";

const decoder = /(wte|embed_tokens|lm_head)\.weight$/;
const encoder = /(word_embeddings|decoder)\.weight$/;

/** The token embedding and the language model's head of the families that may store these in 16 bits. */
const tables: Readonly<Record<string, RegExp>> = {
  gpt2: decoder,
  llama: decoder,
  mistral: decoder,
  qwen2: decoder,
  bert: encoder,
  roberta: encoder,
};

/**
 * The matrices of the trunk's linear layers, the token embedding and a language model's head. Biases, norms,
 * positions and classifiers are left out, as they are small, or trained.
 */
export function halfTensors({ modelType, linears, trunk }: Architecture): TensorSpec[] {
  const table = tables[modelType ?? ""];
  const found = linears.filter(({ kind, name, tensors: [weight] }) =>
    kind === "linear" ? name.startsWith(trunk) : table?.test(weight.name)
  );
  return found.map(({ tensors: [weight] }) => weight);
}
