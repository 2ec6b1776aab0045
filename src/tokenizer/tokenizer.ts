/** Text to token ids and back, from a Hugging Face folder. @module */

import { readJson } from "../core/files.ts";
import { fileIn, type Folder } from "../core/storage.ts";
import type { Tokenizer as HubTokenizer } from "npm:@huggingface/tokenizers@0.2.0";

/** A parsed JSON file. */
export type JsonObject = Record<string, unknown>;

/** A tokenizer with a fixed vocabulary. */
export interface Tokenizer {
  /** The largest token id plus one. */
  readonly vocabularySize: number;
  /** The id that ends a document (and begins one), or undefined if the folder names none. */
  readonly endOfText: number | undefined;
  /** Every special token with its id. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** Token ids of a text; no special tokens are added, but those written in the text are recognized. */
  encode(text: string): Uint32Array;
  /** The text of token ids, special tokens included unless told to skip them. */
  decode(ids: Iterable<number>, options?: { skipSpecialTokens?: boolean }): string;
}

function specialTokensOf(hub: HubTokenizer): Map<string, number> {
  const added = [...hub.get_added_tokens_decoder().values()];
  return new Map(added.filter((token) => token.special).map(({ content, id }) => [content, id]));
}

function endOfTextOf(
  config: JsonObject,
  special: ReadonlyMap<string, number>,
): number | undefined {
  const token = config.eos_token as string | { content: string } | undefined | null;
  const content = typeof token === "object" ? token?.content : token;
  return content === undefined ? undefined : special.get(content);
}

/**
 * Loads `tokenizer.json` and `tokenizer_config.json` of a Hugging Face folder. The parser
 * (`@huggingface/tokenizers`) is fetched on the first call.
 *
 * @throws {Error} when a file is missing.
 * @throws {SyntaxError} when a file is not JSON.
 *
 * @example
 * ```ts ignore
 * const tokenizer = await loadTokenizer("models/tiny-gpt2");
 * tokenizer.decode(tokenizer.encode("We the people")); // "We the people"
 * ```
 */
export async function loadTokenizer(folder: Folder): Promise<Tokenizer> {
  // One after the other: if the first is missing, no read of the second is left running.
  const json = await readJson(fileIn(folder, "tokenizer.json"));
  const config = await readJson(fileIn(folder, "tokenizer_config.json"));
  return await makeTokenizer(json as JsonObject, config as JsonObject);
}

/** Makes a tokenizer from the parsed `tokenizer.json` and `tokenizer_config.json`. */
export async function makeTokenizer(
  json: JsonObject,
  config: JsonObject,
): Promise<Tokenizer> {
  const { Tokenizer: Hub } = await import("npm:@huggingface/tokenizers@0.2.0");
  const hub = new Hub(json, config);
  const specialTokens = specialTokensOf(hub);
  return {
    vocabularySize: [...hub.get_vocab(true).values()].reduce((most, id) => Math.max(most, id), -1) +
      1,
    endOfText: endOfTextOf(config, specialTokens),
    specialTokens,
    encode: (text) => Uint32Array.from(hub.encode(text, { add_special_tokens: false }).ids),
    decode: (ids, { skipSpecialTokens = false } = {}) => {
      const list = [...ids];
      return list.length === 0 ? "" : hub.decode(list, { skip_special_tokens: skipSpecialTokens });
    },
  };
}
