/** The small files beside a model, which are saved with it again. @module */

import { readBytes } from "../core/files.ts";
import { fileIn, type Folder, hasFile } from "../core/storage.ts";

/** The settings of generation and the tokenizer's files; what a tokenizer is read from comes last. */
export const smallFiles: readonly string[] = [
  "generation_config.json",
  "tokenizer_config.json",
  "special_tokens_map.json",
  "added_tokens.json",
  "chat_template.jinja",
  "preprocessor_config.json",
  "tokenizer.model",
  "sentencepiece.bpe.model",
  "spiece.model",
  "spm.model",
  "vocab.txt",
  "merges.txt",
  "vocab.json",
  "tokenizer.json",
];

/**
 * Those that a folder has, by name.
 *
 * @throws {Error} when one cannot be read.
 */
export async function readSmallFiles(folder: Folder): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const name of smallFiles) {
    if (await hasFile(folder, name)) files[name] = await readBytes(fileIn(folder, name));
  }
  return files;
}
