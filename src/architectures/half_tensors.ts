/** Which tensors of a frozen model may be stored in 16 bits, and which in 4. @module */

import type { Architecture, TensorSpec } from "./architecture.ts";

/** A token embedding or a language model's head, in the decoders and encoders that run. */
const table = /(wte|embed_tokens|lm_head|word_embeddings|decoder)\.weight$/;

/**
 * The matrices of the trunk's linear layers, the token embedding and a language model's head. Biases, norms,
 * positions and classifiers are left out, as they are small, or trained.
 */
export function halfTensors({ linears, trunk }: Architecture): TensorSpec[] {
  const found = linears.filter(({ kind, name, tensors: [weight] }) =>
    kind === "linear" ? name.startsWith(trunk) : table.test(weight.name)
  );
  return found.map(({ tensors: [weight] }) => weight);
}

/** The matrices of the blocks' linear layers: QLoRA keeps embeddings, norms and all of a head. */
export function fourBitTensors({ linears }: Architecture): TensorSpec[] {
  const found = linears.filter(({ kind, name }) => kind === "linear" && /\.\d+\./.test(name));
  return found.map(({ tensors: [weight] }) => weight);
}
