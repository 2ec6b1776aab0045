/**
 * Text to token ids and back, from a Hugging Face folder: the token that ends a document, prompts
 * as tokens in the one place where they are made, and the most text that a token stands for.
 *
 * @module
 */

import type { Tokenizer as HubTokenizer } from "npm:@huggingface/tokenizers@0.2.0";
import { fillTemplate, type PromptFormat } from "../core/batch.ts";
import { isRecord, isText } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { mostUnigramCharacters } from "../core/limits.ts";
import { lazily } from "../core/numbers.ts";
import { readJson } from "../storage/files.ts";
import { fileIn, type Folder, hasFile } from "../storage/storage.ts";
import {
  checkTokenizerFile,
  type JsonObject,
  type ModelKind,
  type TokenizerFacts,
  withLinearPatterns,
} from "./tokenizer_file.ts";
import { BYTE_CHARACTERS } from "./train.ts";

// The tokenizer.

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
 * @param endIds Values of `eos_token_id` in the model's settings, for a tokenizer that names no `eos_token`.
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
    endOfText: endOfTextIn(settings, facts, endIds),
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

// Prompts.

/**
 * The tokens of a prompt in its format, which a completion follows.
 *
 * @throws {TypeError} when the prompt is not a text, or the format wants an end-of-text token and the
 * tokenizer has none.
 */
export function encodePrompt(
  tokenizer: Tokenizer,
  prompt: string,
  format: PromptFormat,
): number[] {
  if (!isText(prompt)) throw new TypeError(`a prompt must be a text, found ${quote(prompt)}`);
  const tokens = [...tokenizer.encode(fillTemplate(format, prompt))];
  return format.endOfTextFirst ? [endOfTextOf(tokenizer), ...tokens] : tokens;
}

/**
 * A number of tokens that a text has at least, for limits: encoding 8 MB takes seconds and gigabytes. It is 0 for
 * tokenizers that may leave out a part of a text.
 */
export function leastTokens({ longestToken }: Tokenizer, text: string): number {
  return Math.ceil(new TextEncoder().encode(text).length / longestToken);
}

/**
 * Asserts that it is a tokenizer: callers without types may leave it out.
 *
 * @throws {TypeError} when it is not.
 */
export function assertTokenizer(action: string, tokenizer: Tokenizer): void {
  if (typeof tokenizer?.encode === "function") return;
  throw new TypeError(`${action} needs a tokenizer, found ${quote(tokenizer)}`);
}

/**
 * The end-of-text token.
 *
 * @throws {TypeError} when the tokenizer has none.
 */
export function endOfTextOf({ endOfText }: Tokenizer): number {
  if (endOfText !== undefined) return endOfText;
  throw new TypeError("encoding a prompt needs a tokenizer with an end-of-text token, found none");
}

// The end of a text.

/** The token that ends a document where nothing says which one does: GPT-2's. */
const usual = "<|endoftext|>";

/** Files with an `eos_token_id`, in the order in which transformers' `generate` believes them. */
const settingsFiles = ["generation_config.json", "config.json"];

/**
 * The values of `eos_token_id` in the settings of the model in a folder: an id, or several of which
 * any ends a text.
 *
 * @throws {Error} when a file is there and cannot be read.
 * @throws {SyntaxError} when one is not JSON.
 */
async function endIdsIn(folder: Folder): Promise<unknown[]> {
  const ids: unknown[] = [];
  for (const name of settingsFiles) {
    if (!await hasFile(folder, name)) continue;
    const settings = await readJson(fileIn(folder, name));
    if (isRecord(settings)) ids.push(settings.eos_token_id);
  }
  return ids.flat();
}

/** The id of `eos_token`; else the first of the model's ids that a token has; else the usual token's. */
function endOfTextIn(
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

// The longest token.

/**
 * Most bytes of text that a token stands for, or infinity: every byte of a text is in a token only for a BPE of bytes
 * with no step that takes out a part of the text.
 */
function longestToken(
  file: JsonObject,
  { remove_space: removesSpace, do_lowercase_and_remove_accent: removesAccents }: JsonObject,
  { kind, ids }: TokenizerFacts,
): number {
  const { normalizer, pre_tokenizer: first, model, added_tokens: added } = file;
  const { end_of_word_suffix: end, continuing_subword_suffix: middle } = model as JsonObject;
  const keepsAll = kind === "BPE" && !normalizer && !removesSpace && !removesAccents && !end &&
    !middle && BYTE_CHARACTERS.every((character) => ids.has(character)) && keepsBytes(first) &&
    (added as JsonObject[]).every(({ lstrip, rstrip }) => !lstrip && !rstrip);
  if (!keepsAll) return Infinity;
  const encoder = new TextEncoder();
  let longest = 0;
  // No less than the bytes that it stands for: the character of a byte has one or two.
  for (const token of ids.keys()) longest = Math.max(longest, encoder.encode(token).length);
  return longest;
}

/**
 * True if the steps before the model end in bytes, and the others only cut, without leaving out.
 */
function keepsBytes(first: unknown): boolean {
  const { type, pretokenizers = [] } = isRecord(first) ? first : {};
  const steps = type === "Sequence" ? pretokenizers as JsonObject[] : [first as JsonObject];
  return steps.at(-1)?.type === "ByteLevel" && steps.slice(0, -1).every(cutsOnly);
}

const cutsOnly = ({ type, behavior, invert }: JsonObject): boolean =>
  type === "Digits" || type === "Split" && behavior !== "Removed" && !invert;
