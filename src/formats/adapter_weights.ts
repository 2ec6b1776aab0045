/** The weights file of a PEFT folder. @module */

import { AdapterFileError } from "../core/errors.ts";
import { readJson } from "../core/files.ts";
import { isRecord } from "../core/json.ts";
import { moduleOf } from "../core/module_names.ts";
import { fileIn, type Folder, hasFile } from "../core/storage.ts";
import { mostLabels } from "../core/limits.ts";
import { isHubConfig } from "./hub_adapter.ts";
import { parseLabels } from "./labels_metadata.ts";
import { pickleConversion } from "./pickle.ts";
import { openSafetensorsFile, type ReadOptions, type SafetensorsFile } from "./safetensors.ts";

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

/** Files that adapters may have beside `adapter_config.json`, of which a head is the `adapters` library's. */
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

/** What PEFT puts before the name of every tensor. */
export const tensorPrefix = "base_model.model.";

/** What PEFT puts before the names of the model's own tensors where virtual tokens are trained. */
export const promptPrefix = "base_model.";

/**
 * Whether a tensor is a table of embeddings, or a head that may share one: PEFT saves them by themselves where
 * they are targets or the vocabulary was resized, and loads them into the base model, ties included.
 */
export const isTable = (name: string): boolean =>
  /(^|\.)(embed_tokens|wte|word_embeddings|shared|lm_head)(\.base_layer)?\.weight$/.test(name);

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

/** The name of the file of the weights in a folder; without any, the one that its configuration lets expect. */
export async function weightsFileIn(folder: Folder): Promise<string> {
  for (const name of [peftWeights, hubWeights]) if (await hasFile(folder, name)) return name;
  const config = await readJson(fileIn(folder, "adapter_config.json")).catch(() => undefined);
  return isRecord(config) && isHubConfig(config) ? hubWeights : peftWeights;
}

/** Opens the file; throws an {@link AdapterFileError} where there is a pickle instead. */
export async function openWeights(folder: Folder, options: ReadOptions): Promise<SafetensorsFile> {
  const name = await weightsFileIn(folder);
  if (!await hasFile(folder, name) && await hasFile(folder, "adapter_model.bin")) {
    throw new AdapterFileError(
      "weights must be in adapter_model.safetensors, found adapter_model.bin (a pickle can run code): " +
        `convert it in its folder by ${pickleConversion("adapter_model.bin", name)}`,
    );
  }
  return await openSafetensorsFile(fileIn(folder, name), options);
}

/** The weights of classifiers' last layers, in decoders, in BERT and in RoBERTa. */
const lastLayers = ["score.weight", "classifier.weight", "classifier.out_proj.weight"];

/**
 * The labels of the classifier that an adapter trains, from the header of its weights; those that no name
 * is known of are called by their numbers. `undefined` if it trains no head of a classifier.
 *
 * @throws {AdapterFileError} when the header is broken.
 */
export async function readAdapterLabels(folder: Folder): Promise<string[] | undefined> {
  using file = await openWeights(folder, {});
  const labels = parseLabels(file.metadata);
  const head = [tensorPrefix, promptPrefix]
    .flatMap((prefix) => lastLayers.map((name) => file.tensors.get(prefix + name))).find(Boolean);
  if (labels || head?.shape.length !== 2) return labels;
  return Array.from({ length: Math.min(head.shape[0], mostLabels) }, (_, index) => String(index));
}
