/** Text to token ids and back, from a Hugging Face folder. @module */

import { readJson } from "../core/files.ts";
import { isRecord, isText } from "../core/json.ts";
import { lazily } from "../core/lazily.ts";
import { mostUnigramCharacters } from "../core/limits.ts";
import { quote } from "../core/quote.ts";
import { fileIn, type Folder } from "../core/storage.ts";
import { endIdsIn, endOfTextOf } from "./end_of_text.ts";
import { longestToken } from "./longest_token.ts";
import { withLinearPatterns } from "./split_patterns.ts";
import type { JsonObject } from "./tokenizer_fields.ts";
import { checkTokenizerFile, type ModelKind } from "./tokenizer_file.ts";
import type { Tokenizer as HubTokenizer } from "npm:@huggingface/tokenizers@0.2.0";

/** A tokenizer with a fixed vocabulary. */
export interface Tokenizer {
  /** The largest token id plus one. */
  readonly vocabularySize: number;
  /** The id that ends a document (and begins one), or undefined if the folder names none. */
  readonly endOfText: number | undefined;
  /** Every special token with its id. */
  readonly specialTokens: ReadonlyMap<string, number>;
  /** Most bytes of UTF-8 that a token stands for; infinity where a part of a text may have no token of its own. */
  readonly longestToken: number;
  /**
   * Token ids of a text; no special tokens are added, but those written in the text are recognized.
   *
   * @throws {TypeError} when it is not a text.
   * @throws {RangeError} when a part of the text has no token, or it is too long for a Unigram model.
   */
  encode(text: string): Uint32Array;
  /**
   * The same between the special tokens that the model expects around a text: BERT's `[CLS]` and `[SEP]`,
   * Llama's `<s>`, none in GPT-2.
   *
   * @param most Of a longer text, the beginning is kept. Default: no limit.
   * @throws As `encode`.
   */
  encodeFramed(text: string, most?: number): Uint32Array;
  /**
   * The text of token ids, special tokens included unless told to skip them; an id that no token has is
   * the unknown token, if there is one. Spaces before punctuation are taken out where transformers does:
   * if `clean_up_tokenization_spaces` is true and the model is not BPE.
   *
   * @throws {TypeError} when it is not a list.
   * @throws {RangeError} when an id is not an integer of at least 0.
   */
  decode(ids: Iterable<number>, options?: { skipSpecialTokens?: boolean }): string;
}

function specialTokensOf(hub: HubTokenizer): Map<string, number> {
  const added = [...hub.get_added_tokens_decoder().values()];
  return new Map(added.filter((token) => token.special).map(({ content, id }) => [content, id]));
}

/**
 * Loads `tokenizer.json` and `tokenizer_config.json` of a Hugging Face folder. The parser
 * (`@huggingface/tokenizers`) is fetched on the first call. If `tokenizer_config.json` has no `eos_token`,
 * as in GPT-2's folder, the end of text is the `eos_token_id` of the model's `generation_config.json` or
 * `config.json`, or else the token `<|endoftext|>`. Of a GGUF file it is the byte-level tokenizer in it.
 *
 * @throws {Error} when a file is missing.
 * @throws {SyntaxError} when a file is not JSON, or not as in published tokenizers of the kinds BPE,
 * WordPiece and Unigram.
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
  return await makeTokenizer(json, config, await endIdsIn(folder));
}

/**
 * Makes a tokenizer from the parsed `tokenizer.json` and `tokenizer_config.json`.
 *
 * @param endIds What the model's settings give as `eos_token_id`, for a tokenizer that names no `eos_token`.
 * @throws {SyntaxError} when a part of them is not as in published tokenizers (BPE, WordPiece, Unigram).
 */
export async function makeTokenizer(
  json: unknown,
  config: unknown,
  endIds: readonly unknown[] = [],
): Promise<Tokenizer> {
  const facts = checkTokenizerFile(json), { kind, vocabularySize } = facts;
  const settings = checkConfig(config);
  const { Tokenizer: Hub } = await import("npm:@huggingface/tokenizers@0.2.0");
  const file = { ...json as JsonObject };
  file.pre_tokenizer = withLinearPatterns(file.pre_tokenizer);
  // A post-processor only places special tokens.
  const hub = new Hub({ ...file, post_processor: null }, settings);
  const framing = lazily(() => new Hub(file, settings));
  // transformers ignores the flag for BPE, whose texts it would change.
  const clean_up_tokenization_spaces = kind !== "BPE" &&
    settings.clean_up_tokenization_spaces === true;
  return {
    vocabularySize,
    endOfText: endOfTextOf(settings, facts, endIds),
    specialTokens: specialTokensOf(hub),
    longestToken: longestToken(file, settings, facts),
    encode: (text) => encode(hub, kind, text),
    encodeFramed: (text, most = Infinity) => framed(encode(hub, kind, text), framing(), text, most),
    decode: (ids, { skipSpecialTokens = false } = {}) => {
      const list = idsOf(ids);
      list.forEach(checkId);
      if (list.length === 0) return "";
      const skip_special_tokens = skipSpecialTokens;
      return hub.decode(list, { skip_special_tokens, clean_up_tokenization_spaces });
    },
  };
}

/** A text's tokens, cut to what fits between the special tokens that the post-processor puts around it. */
function framed(tokens: Uint32Array, hub: HubTokenizer, text: string, most: number): Uint32Array {
  const { ids } = hub.encode(text), frame = ids.length - tokens.length;
  const start = Array.from({ length: frame + 1 }, (_, start) => start)
    .find((start) => tokens.every((token, i) => ids[start + i] === token)) ?? 0;
  const kept = tokens.subarray(0, Math.max(0, most - frame));
  return Uint32Array.from([...ids.slice(0, start), ...kept, ...ids.slice(start + tokens.length)]);
}

function checkConfig(config: unknown): JsonObject {
  if (!isRecord(config)) {
    throw new SyntaxError(`tokenizer_config.json must be a JSON object, found ${quote(config)}`);
  }
  const { additional_special_tokens: special } = config;
  if (special === undefined || special === null || Array.isArray(special)) return config;
  const found = quote(special);
  throw new SyntaxError(
    `tokenizer_config.json must list additional_special_tokens, found ${found}`,
  );
}

function idsOf(ids: Iterable<number>): number[] {
  if (typeof ids === "object" && ids !== null && Symbol.iterator in ids) return [...ids];
  throw new TypeError(`decode needs a list of token ids, found ${quote(ids)}`);
}

function checkId(id: number): void {
  if (Number.isInteger(id) && id >= 0) return;
  throw new RangeError(`a token's id must be an integer of at least 0, found ${quote(id)}`);
}

function encode(hub: HubTokenizer, kind: ModelKind, text: string): Uint32Array {
  if (!isText(text)) throw new TypeError(`encode needs a text, found ${quote(text)}`);
  // A Unigram model takes a text as one word, and the library passes its tokens as arguments.
  if (kind === "Unigram" && text.length > mostUnigramCharacters) {
    throw new RangeError(
      `a text for a Unigram tokenizer must have at most ${mostUnigramCharacters} characters, found ${text.length}`,
    );
  }
  const { ids, tokens } = hub.encode(text, { add_special_tokens: false });
  const unknown = ids.indexOf(undefined as unknown as number);
  if (unknown < 0) return Uint32Array.from(ids);
  throw new RangeError(
    `a tokenizer must have a token for every part of a text, found none for ${
      quote(tokens[unknown])
    }`,
  );
}
