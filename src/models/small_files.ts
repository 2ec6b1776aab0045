/** The small files beside a model, which are saved with it again. @module */

import { readBytes } from "../core/files.ts";
import { parseJsonOf } from "../core/json.ts";
import { mostJsonBytes } from "../core/limits.ts";
import { fileIn, fileName, type Folder, hasFile } from "../core/storage.ts";

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
 * Those that a folder has, by name, as they are.
 *
 * @throws {SyntaxError} when one whose name ends with `.json` is not JSON.
 * @throws {Error} when one cannot be read, or has more than 256 MiB.
 */
export async function readSmallFiles(folder: Folder): Promise<Record<string, Uint8Array>> {
  const files: Record<string, Uint8Array> = {};
  for (const name of smallFiles) {
    if (!await hasFile(folder, name)) continue;
    const file = fileIn(folder, name);
    files[name] = await readBytes(file, mostJsonBytes);
    if (name.endsWith(".json")) parseJsonOf(fileName(file), files[name]);
  }
  return files;
}
