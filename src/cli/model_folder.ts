/** What an output folder may already contain, and the small files copied along with a model. @module */

import { join } from "node:path";
import { isSamePlace, readBytes } from "../core/files.ts";
import { hasFile } from "../core/storage.ts";
import { readConfig, type SavedAlong } from "../models/mod.ts";

/** What a tokenizer is read from comes last. */
const smallFiles = [
  "generation_config.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "merges.txt",
  "vocab.json",
  "tokenizer.json",
];

const tokenIds = ["bos_token_id", "eos_token_id", "pad_token_id"];

/**
 * What is saved along with a model that is made from another one: the tokenizer's files and the generation
 * settings if the source folder has them, and the ids of special tokens from its `config.json`, which our
 * own config leaves out. Such files of an older model would not fit the new one.
 */
export async function smallFilesOf(model: string): Promise<SavedAlong> {
  const source = await readConfig(model), files: Record<string, Uint8Array> = {};
  for (const name of smallFiles) {
    if (await hasFile(model, name)) files[name] = await readBytes(join(model, name));
  }
  const ids = tokenIds.filter((id) => id in source).map((id) => [id, source[id]]);
  const obsolete = smallFiles.filter((name) => !(name in files));
  return { config: Object.fromEntries(ids), files, obsolete };
}

/** Throws when a model would overwrite the one that it is made from. */
export async function assertOtherFolder(model: string, output: string): Promise<void> {
  if (!await isSamePlace(model, output)) return;
  throw new RangeError(`the output must not be the input folder itself, found ${output}`);
}

const otherKind = {
  adapter: { found: "a model", files: ["model.safetensors", "model.safetensors.index.json"] },
  model: { found: "an adapter", files: ["adapter_config.json", "adapter_model.safetensors"] },
};

/**
 * Throws when a folder for an adapter already holds a model, or vice versa: a program that reads the
 * folder would combine the two.
 */
export async function assertNoOtherKind(folder: string, kind: "adapter" | "model"): Promise<void> {
  const { found, files } = otherKind[kind];
  for (const file of files) {
    if (!await hasFile(folder, file)) continue;
    throw new RangeError(
      `${folder} already holds ${found}; choose another folder, or remove ${file}`,
    );
  }
}
