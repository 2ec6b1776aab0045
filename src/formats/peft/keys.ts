/** Names of files and tensors in an adapter's folder. @module */

import { moduleOf } from "../../core/module_names.ts";

/** The file of an adapter's configuration, of PEFT, of the `adapters` library and of ours. */
export const configFile = "adapter_config.json";

/** PEFT's file of the weights. */
export const peftWeights = "adapter_model.safetensors";

/** The `adapters` library's. */
export const hubWeights = "adapter.safetensors";

/** The files of LoRA joined with virtual tokens, beside the weights of LoRA. */
export const joinedFiles = {
  lora: "lora_config.json",
  prefix: "prefix_config.json",
  prefixWeights: "prefix_model.safetensors",
} as const;

/** Files that adapters may have beside {@link configFile}, of which a head is the `adapters` library's. */
const adapterFileNames: readonly string[] = [
  ...[peftWeights, hubWeights, "pytorch_adapter.bin"],
  ...["model_head.safetensors", "pytorch_model_head.bin", "head_config.json"],
  ...Object.values(joinedFiles),
];

/** Files that are of another adapter than the one whose files are saved in the same folder. */
export function otherFiles(saved: readonly { readonly name: string }[]): string[] {
  const names = new Set(saved.map(({ name }) => name));
  return adapterFileNames.filter((name) => !names.has(name));
}

/** Those that adapters of all methods need beside their configuration and weights, as far as a folder has them. */
export const besideWeights: readonly string[] = [
  "model_head.safetensors",
  ...Object.values(joinedFiles),
];

/** PEFT's prefix of the name of every tensor. */
export const tensorPrefix = "base_model.model.";

/** PEFT's prefix of the names of the model's own tensors where virtual tokens are trained. */
export const promptPrefix = "base_model.";

/**
 * True if a tensor is a table of embeddings, or a head that may share one: PEFT saves them by
 * themselves where they are targets or the vocabulary was resized, and loads them into the base
 * model, ties included.
 */
export const isTable = (name: string): boolean =>
  /(^|\.)(embed_tokens|embed_in|embed_out|wte|word_embeddings|shared|lm_head)(\.base_layer)?\.weight$/
    .test(name);

/** The key of an embedding's trained rows. */
export const rowsKey = (module: string): string =>
  `${tensorPrefix}${module}.token_adapter.trainable_tokens_delta`;

/** The keys of a module's A and B. */
export const factorKeys = (module: string, isEmbedding = false): [A: string, B: string] => {
  const path = `${tensorPrefix}${module}`;
  return isEmbedding
    ? [`${path}.lora_embedding_A`, `${path}.lora_embedding_B`]
    : [`${path}.lora_A.weight`, `${path}.lora_B.weight`];
};

/** The key of a tensor of the base model itself: PEFT wraps an adapted layer, and its bias with it. */
export function ownKey(name: string, adapted: ReadonlySet<string>): string {
  const module = moduleOf(name);
  return tensorPrefix + (adapted.has(module) ? name.replace(module, `${module}.base_layer`) : name);
}
