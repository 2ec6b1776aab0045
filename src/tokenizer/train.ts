/** Trains a byte-level BPE vocabulary (Sennrich et al. 2016; bytes as in GPT-2, Radford et al. 2019). @module */

import { assertOptions } from "../core/options.ts";
import { BYTE_ALPHABET, BYTE_IDS } from "./byte_alphabet.ts";
import { countWords } from "./words.ts";

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

  /** Forgets which words held a pair that has been merged. */
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
 * import { trainBytePairs } from "./train.ts";
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
