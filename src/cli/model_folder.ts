/** What an output folder may already contain, and the small files copied along with a model. @module */

import { join } from "node:path";
import { isSamePlace, readBytes } from "../core/files.ts";
import { hasFile } from "../core/storage.ts";
import type { SavedAlong } from "../models/mod.ts";

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

/**
 * What is saved along with a model that is made from another one: the tokenizer's files and the generation
 * settings if the source folder has them. Such files of an older model would not fit the new one.
 */
export async function smallFilesOf(
  model: string,
): Promise<Required<Pick<SavedAlong, "files" | "obsolete">>> {
  const files: Record<string, Uint8Array> = {};
  for (const name of smallFiles) {
    if (await hasFile(model, name)) files[name] = await readBytes(join(model, name));
  }
  return { files, obsolete: smallFiles.filter((name) => !(name in files)) };
}

/** Throws when a model would overwrite the one that it is made from. */
export async function assertOtherFolder(model: string, output: string): Promise<void> {
  if (!await isSamePlace(model, output)) return;
  throw new RangeError(`the output must not be the input folder itself, found ${output}`);
}
