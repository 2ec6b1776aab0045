/**
 * Trains a byte-level BPE vocabulary (Sennrich et al. 2016; bytes as in GPT-2, Radford et al. 2019)
 * on words that merges never cross, and saves it as files that Hugging Face's libraries read.
 *
 * @module
 */

import { assertOptions } from "../core/checks.ts";
import { jsonText } from "../storage/files.ts";
import { saveFolder } from "../storage/folder.ts";

// Training.

/** Options of {@link trainBytePairs}. */
export interface BytePairOptions {
  /** Total number of tokens: 256 bytes, the merges and the special token. */
  readonly vocabularySize: number;
  /** The token that ends a document; it gets the last id. Default `<|endoftext|>`. */
  readonly specialToken?: string;
}

/** A trained vocabulary: ids are indices into `tokens`. */
export interface BytePairVocabulary {
  /** Tokens in the printable alphabet: the 256 bytes, one per merge, then the special token. */
  readonly tokens: readonly string[];
  /** Pairs of tokens in the order of merging. */
  readonly merges: readonly (readonly [string, string])[];
  /** The token that ends a document. */
  readonly specialToken: string;
}

/** A pair (left, right) is the number left * PAIR_BASE + right. */
const PAIR_BASE = 2 ** 20;

/** Counts of adjacent pairs over distinct words, kept up to date as words change. */
class PairCounts {
  readonly #counts = new Map<number, number>();
  readonly #wordsOf = new Map<number, Set<number>>();

  /** Adds `weight` (negative to subtract) to the count of every pair of the word. */
  add(word: number, ids: readonly number[], weight: number): void {
    for (let at = 1; at < ids.length; at++) {
      const pair = ids[at - 1] * PAIR_BASE + ids[at];
      const count = (this.#counts.get(pair) ?? 0) + weight;
      if (count === 0) this.#counts.delete(pair);
      else this.#counts.set(pair, count);
      if (weight > 0) this.#remember(pair, word);
    }
  }

  /** Words that hold the pair, or once held it. */
  wordsOf(pair: number): Iterable<number> {
    return this.#wordsOf.get(pair) ?? [];
  }

  /** The most frequent pair; of ties, the one with the smallest left id, then right id. */
  best(): number | undefined {
    let best: number | undefined;
    let most = 0;
    for (const [pair, count] of this.#counts) {
      if (count > most || (count === most && best !== undefined && pair < best)) {
        [best, most] = [pair, count];
      }
    }
    return best;
  }

  /** Forgets the words that held a pair, which has been merged. */
  forget(pair: number): void {
    this.#wordsOf.delete(pair);
  }

  #remember(pair: number, word: number): void {
    const words = this.#wordsOf.get(pair);
    if (words) words.add(word);
    else this.#wordsOf.set(pair, new Set([word]));
  }
}

/** Replaces each (left, right) by `merged`, from the left. */
function mergePair(ids: readonly number[], pair: number, merged: number): number[] {
  const out: number[] = [];
  for (let at = 0; at < ids.length; at++) {
    const found = at + 1 < ids.length && ids[at] * PAIR_BASE + ids[at + 1] === pair;
    out.push(found ? merged : ids[at]);
    if (found) at++;
  }
  return out;
}

/** The distinct words of a text as token ids, with how often each occurs. */
class Words {
  readonly #ids: number[][];
  readonly #weights: number[];
  readonly #pairs = new PairCounts();

  constructor(counts: ReadonlyMap<string, number>) {
    const utf8 = new TextEncoder();
    const idsOf = (word: string) => Array.from(utf8.encode(word), (byte) => BYTE_IDS[byte]);
    this.#ids = Array.from(counts.keys(), idsOf);
    this.#weights = [...counts.values()];
    this.#ids.forEach((ids, word) => this.#pairs.add(word, ids, this.#weights[word]));
  }

  /** Merges the most frequent pair everywhere; undefined if every word is one token. */
  mergeBest(merged: number): { left: number; right: number } | undefined {
    const pair = this.#pairs.best();
    if (pair === undefined) return undefined;
    for (const word of [...this.#pairs.wordsOf(pair)]) this.#merge(word, pair, merged);
    this.#pairs.forget(pair);
    return { left: Math.floor(pair / PAIR_BASE), right: pair % PAIR_BASE };
  }

  #merge(word: number, pair: number, merged: number): void {
    this.#pairs.add(word, this.#ids[word], -this.#weights[word]);
    this.#ids[word] = mergePair(this.#ids[word], pair, merged);
    this.#pairs.add(word, this.#ids[word], this.#weights[word]);
  }
}

function checkSize(size: number): void {
  if (!Number.isInteger(size) || size < 257 || size >= PAIR_BASE) {
    throw new RangeError(
      `training a tokenizer needs a vocabulary of 257 (the bytes and the special token) to ` +
        `${PAIR_BASE - 1} tokens, found ${size}`,
    );
  }
}

/**
 * Trains a byte-level BPE vocabulary: starts from the 256 bytes and merges the most frequent adjacent
 * pair within words (ties: smallest ids) until the vocabulary is full. The same text always yields the
 * same vocabulary; the order of words does not matter. Cost: one pass over the text, then time
 * proportional to the number of distinct words for each merge.
 *
 * @param texts Documents; merges never cross word boundaries, so they never cross documents.
 * @throws {RangeError} when the size is not an integer of at least 257, or the text has too few pairs.
 *
 * @example
 * ```ts
 * import { trainBytePairs } from "@lowrank/core/tokenizer";
 * trainBytePairs(["aaab aaab"], { vocabularySize: 258 }).merges; // [["a", "a"]]
 * ```
 */
export function trainBytePairs(
  texts: Iterable<string>,
  options: BytePairOptions,
): BytePairVocabulary {
  assertOptions("trainBytePairs", options, { vocabularySize: true, specialToken: true });
  const { vocabularySize, specialToken = "<|endoftext|>" } = options;
  checkSize(vocabularySize);
  const words = new Words(countWords(texts));
  const tokens = [...BYTE_ALPHABET];
  const merges: [string, string][] = [];
  while (tokens.length < vocabularySize - 1) {
    const merged = words.mergeBest(tokens.length);
    if (merged === undefined) throw tooFewPairs(vocabularySize, tokens.length + 1);
    const pair: [string, string] = [tokens[merged.left], tokens[merged.right]];
    merges.push(pair);
    tokens.push(pair.join(""));
  }
  return { tokens: [...tokens, specialToken], merges, specialToken };
}

function tooFewPairs(wanted: number, found: number): RangeError {
  return new RangeError(
    `training a tokenizer of ${wanted} tokens needs text with more pairs, found ${found} tokens`,
  );
}

/** The contents of `tokenizer.json`: a byte-level BPE like GPT-2's. */
export function tokenizerJson(vocabulary: BytePairVocabulary): Record<string, unknown> {
  const { tokens, merges, specialToken } = vocabulary;
  const byteLevel = {
    type: "ByteLevel",
    add_prefix_space: false,
    trim_offsets: true,
    use_regex: true,
  };
  const plain = { single_word: false, lstrip: false, rstrip: false, normalized: false };
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: [{ id: tokens.length - 1, content: specialToken, ...plain, special: true }],
    normalizer: null,
    pre_tokenizer: byteLevel,
    post_processor: byteLevel,
    decoder: byteLevel,
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map((pair) => pair.join(" ")),
    },
  };
}

/** The contents of `tokenizer_config.json`: the class and the one special token in its three roles. */
export function tokenizerConfig(vocabulary: BytePairVocabulary): Record<string, unknown> {
  const { specialToken } = vocabulary;
  return {
    add_prefix_space: false,
    bos_token: specialToken,
    clean_up_tokenization_spaces: false,
    eos_token: specialToken,
    tokenizer_class: "GPT2Tokenizer",
    unk_token: specialToken,
  };
}

/**
 * Writes `tokenizer.json` and `tokenizer_config.json` to a folder, which is created if missing. They
 * can be loaded with `transformers`, `tokenizers` and `loadTokenizer`.
 *
 * They are saved as a whole: after a crash at any time, a reader finds the old tokenizer, the new one, or
 * no `tokenizer.json` and so an error.
 *
 * @throws {Error} when a file cannot be written; the message says what a reader finds.
 */
export async function saveTokenizer(folder: string, vocabulary: BytePairVocabulary): Promise<void> {
  await saveFolder(folder, [
    { name: "tokenizer_config.json", content: jsonText(tokenizerConfig(vocabulary)) },
    { name: "tokenizer.json", content: jsonText(tokenizerJson(vocabulary)) },
  ]);
}

// Files.

/** The first four tokens, in RoBERTa's order: the beginning, padding, the end, and the unknown token. */
const first = ["<s>", "<pad>", "</s>", "<unk>"] as const;

/** The token that stands for one to be predicted; RoBERTa has it last. */
export const maskToken = "<mask>";

/**
 * The contents of `tokenizer.json` and `tokenizer_config.json`: bytes and merges as in GPT-2, between `<s>`
 * and `</s>`, with the ids of RoBERTa: 0 to 3 for `<s>`, `<pad>`, `</s>` and `<unk>`, the last for `<mask>`.
 *
 * @param vocabulary Its special token must be `<mask>`.
 */
function robertaFiles(vocabulary: BytePairVocabulary): Record<string, unknown>[] {
  const tokens = [...first, ...vocabulary.tokens], { model, ...json } = tokenizerJson(vocabulary);
  const byteLevel = json.pre_tokenizer as object;
  const added = [...first, maskToken].map((content) => ({
    id: tokens.indexOf(content),
    content,
    single_word: false,
    lstrip: content === maskToken, // As in RoBERTa: the space before a mask belongs to it.
    rstrip: false,
    normalized: false,
    special: true,
  }));
  const [bos_token, pad_token, eos_token, unk_token] = first;
  return [{
    ...json,
    added_tokens: added,
    post_processor: {
      ...byteLevel,
      type: "RobertaProcessing",
      sep: [eos_token, tokens.indexOf(eos_token)],
      cls: [bos_token, tokens.indexOf(bos_token)],
    },
    model: { ...model as object, vocab: Object.fromEntries(tokens.map((one, id) => [one, id])) },
  }, {
    add_prefix_space: false,
    clean_up_tokenization_spaces: false,
    tokenizer_class: "RobertaTokenizer",
    ...{ bos_token, cls_token: bos_token, eos_token, sep_token: eos_token, unk_token, pad_token },
    mask_token: maskToken,
  }];
}

/**
 * Writes `tokenizer.json` and `tokenizer_config.json` of a RoBERTa to a folder, as `saveTokenizer` writes
 * GPT-2's: bytes and merges between `<s>` and `</s>`, with `<pad>`, `<unk>` and `<mask>`.
 *
 * They are saved as a whole: after a crash at any time, a reader finds the old tokenizer, the new one, or
 * an error.
 *
 * @param vocabulary Trained with the special token `<mask>`; four tokens come before its own.
 * @throws {RangeError} when its special token is another.
 * @throws {Error} when a file cannot be written; the message says what a reader finds.
 */
export async function saveRobertaTokenizer(
  folder: string,
  vocabulary: BytePairVocabulary,
): Promise<void> {
  const { specialToken } = vocabulary;
  if (specialToken !== maskToken) {
    throw new RangeError(`a RoBERTa's special token must be ${maskToken}, found ${specialToken}`);
  }
  const [file, config] = robertaFiles(vocabulary);
  await saveFolder(folder, [
    { name: "tokenizer_config.json", content: jsonText(config) },
    { name: "tokenizer.json", content: jsonText(file) },
  ]);
}

// Words.

/**
 * GPT-2's split: contractions, then letters, digits or other symbols with at most one leading space,
 * then runs of whitespace. Source: GPT-2's `encoder.py`.
 */
export const WORD_PATTERN: RegExp =
  /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;

/**
 * Counts the words of all texts, in order of first appearance.
 *
 * @example
 * ```ts
 * import { countWords } from "./train.ts";
 * countWords(["the cat the"]); // Map { "the" => 1, " cat" => 1, " the" => 1 }
 * ```
 */
export function countWords(texts: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const text of texts) {
    for (const word of text.match(WORD_PATTERN) ?? []) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
  }
  return counts;
}

// Bytes.

/** Bytes that stand for themselves: printable ASCII and Latin-1 without the soft hyphen. */
function isPrintable(byte: number): boolean {
  return (byte >= 33 && byte <= 126) || (byte >= 161 && byte !== 173);
}

function byteCharacters(): readonly string[] {
  let unprintable = 0;
  return Array.from(
    { length: 256 },
    (_, byte) => String.fromCodePoint(isPrintable(byte) ? byte : 256 + unprintable++),
  );
}

/**
 * The character of each byte, indexed by the byte: itself if printable, else one from U+0100 on (a
 * space is `Ġ`, a newline `Ċ`). Source: GPT-2's `bytes_to_unicode`.
 */
export const BYTE_CHARACTERS: readonly string[] = byteCharacters();

/** The alphabet in the order of its token ids, that of its code points: `!` is 0, as in GPT-2. */
export const BYTE_ALPHABET: readonly string[] = [...BYTE_CHARACTERS].sort();

/** The token id of each byte: its character's index in {@link BYTE_ALPHABET}. */
const BYTE_IDS: Uint8Array = Uint8Array.from(
  BYTE_CHARACTERS,
  (character) => BYTE_ALPHABET.indexOf(character),
);
