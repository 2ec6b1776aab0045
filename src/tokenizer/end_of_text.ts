/** Which token ends a document, wherever a folder says so. @module */

import { readJson } from "../core/files.ts";
import { isRecord } from "../core/json.ts";
import { fileIn, type Folder, hasFile } from "../core/storage.ts";
import type { JsonObject } from "./tokenizer_fields.ts";
import type { TokenizerFacts } from "./tokenizer_file.ts";

/** The token that ends a document where nothing says which one does: GPT-2's. */
const usual = "<|endoftext|>";

/** Files with an `eos_token_id`, in the order in which transformers' `generate` believes them. */
const settingsFiles = ["generation_config.json", "config.json"];

/**
 * What the settings of the model in a folder give as `eos_token_id`: an id, or several of which any ends
 * a text.
 *
 * @throws {Error} when a file is there and cannot be read.
 * @throws {SyntaxError} when one is not JSON.
 */
export async function endIdsIn(folder: Folder): Promise<unknown[]> {
  const ids: unknown[] = [];
  for (const name of settingsFiles) {
    if (!await hasFile(folder, name)) continue;
    const settings = await readJson(fileIn(folder, name));
    if (isRecord(settings)) ids.push(settings.eos_token_id);
  }
  return ids.flat();
}

/** The id of `eos_token`; else the first of the model's ids that a token has; else the usual token's. */
export function endOfTextOf(
  { eos_token: token }: JsonObject,
  { ids }: Pick<TokenizerFacts, "ids">,
  endIds: readonly unknown[],
): number | undefined {
  const content = isRecord(token) ? token.content : token;
  const named = ids.get(content as string);
  if (named !== undefined) return named;
  const known = new Set<unknown>(ids.values());
  return endIds.find((id): id is number => known.has(id)) ?? ids.get(usual);
}
