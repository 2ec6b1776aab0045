/**
 * BLEU and NIST: the share of a text's n-grams that references have too, and for NIST how much each
 * of them says; with their tokens, as NIST's `mteval-v13a` takes them.
 *
 * @module
 */

import type { ReferencedOutput } from "../../src/data/mod.ts";
import { assertReferenced, type ReferencedTokens, tokensOf } from "./referenced_output.ts";

// BLEU.

const orders = [1, 2, 3, 4];

/** Values that replace no match and no n-gram, so that the logarithm exists. */
const noMatch = 1e-15, noNgram = 1e-9;

/**
 * BLEU of a whole set of outputs, 0 to 1:
 *
 * BLEU = BP · exp((1/4) Σₙ₌₁..₄ log pₙ), with pₙ = matched n-grams / n-grams of the outputs, both summed over
 * the set. An n-gram counts at most as often as the reference that has it most often (clipping).
 * BP = min(1, exp(1 − r/c)), c the tokens of the outputs, r those of the references that are closest in
 * length, the shorter one of two.
 *
 * As in the E2E scripts, an output of fewer than n − 1 tokens counts as a negative number of n-grams, so a
 * set of such short outputs can score above 1.
 *
 * Source: Papineni et al. 2002, sections 2.1 to 2.3; `BLEUScore` in the E2E scripts' `pymteval.py`; tokens
 * of {@link mtevalTokens}.
 *
 * @throws {RangeError} when there is no output, or one without a reference, or a text has more than 10,000 tokens.
 *
 * @example
 * ```ts
 * const references = ["the cat is on the mat", "there is a cat on the mat"];
 * bleu([{ output: "the cat is on the mat", references }]); // 1
 * ```
 */
export function bleu(outputs: readonly ReferencedOutput[]): number {
  assertReferenced("BLEU", outputs);
  const texts = mtevalTokensOf(outputs);
  const logPrecisions = orders.map((order) => {
    const matched = sumOf(
      texts,
      ({ output, references }) =>
        sumOf([...sharedNgrams(output, references, order)], ([, count]) => count),
    );
    const possible = sumOf(texts, ({ output }) => output.length - order + 1);
    return Math.log(Math.max(matched, noMatch) / Math.max(possible, noNgram));
  });
  const made = sumOf(texts, ({ output }) => output.length);
  const wanted = sumOf(texts, ({ output, references }) => closest(output.length, references));
  return brevityPenalty(made, wanted) * Math.exp(sumOf(logPrecisions, (log) => log) / 4);
}

/** The length of the reference that is closest in length, the shorter one of two. */
const closest = (length: number, references: readonly (readonly string[])[]): number =>
  references.map((reference) => reference.length)
    .reduce((best, other) => {
      const difference = Math.abs(other - length) - Math.abs(best - length);
      return difference < 0 || (difference === 0 && other < best) ? other : best;
    });

const brevityPenalty = (made: number, wanted: number): number =>
  made > wanted ? 1 : Math.exp(1 - wanted / made);

/** The sum of what is measured of each. */
function sumOf<T>(items: readonly T[], measure: (item: T) => number): number {
  return items.reduce((sum, item) => sum + measure(item), 0);
}

// NIST.

const nistOrders = [1, 2, 3, 4, 5];

/** Chosen so that an output of two thirds of the references' length loses half of its score. */
const beta = -Math.log(0.5) / Math.log(1.5) ** 2;

/**
 * The NIST score of a whole set of outputs, in bits per n-gram; 0 where nothing matches, no upper bound:
 *
 * NIST = BP · Σₙ₌₁..₅ (Σ info(w₁…wₙ) over matched n-grams) / (n-grams of the outputs), with
 * info(w₁…wₙ) = log₂(count(w₁…wₙ₋₁) / count(w₁…wₙ)) in all references; count() of no word is their length.
 * BP = exp(−β · log²(min(1, c/r))), c the tokens of the outputs, r the mean over the references of each.
 * Matches are clipped as in {@link bleu}.
 *
 * Where no output is long enough for an order, the script divides by zero; here the order adds 0. The E2E
 * challenge's published tables come from the Perl script, which counts differently where outputs have
 * different numbers of references; this is the Python one (`measure_scores.py -p`).
 *
 * Source: Doddington 2002, section 4; `NISTScore` in the E2E scripts' `pymteval.py`.
 *
 * @throws {RangeError} when there is no output, or one without a reference, or a text has more than 10,000 tokens.
 *
 * @example
 * ```ts
 * nist([{ output: "a b", references: ["a b"] }]); // 1: either word says log2(2) bits, the pair nothing more
 * ```
 */
export function nist(outputs: readonly ReferencedOutput[]): number {
  assertReferenced("NIST", outputs);
  const texts = mtevalTokensOf(outputs);
  const counts = [0, ...nistOrders].map((order) => referenceCounts(texts, order));
  let score = 0, made = 0, wanted = 0;
  for (const { output, references } of texts) {
    made += output.length;
    wanted += lengthOf(references) / references.length;
  }
  for (const order of nistOrders) {
    const possible = texts.reduce((sum, { output }) => sum + output.length - order + 1, 0);
    const found = texts.reduce((sum, text) => sum + information(text, order, counts), 0);
    if (possible !== 0) score += found / possible;
  }
  return nistPenalty(made / wanted) * score;
}

const lengthOf = (references: ReferencedTokens["references"]): number =>
  references.reduce((sum, { length }) => sum + length, 0);

/** The counts of one order in all references together; of order 0, their length. */
function referenceCounts(texts: readonly ReferencedTokens[], order: number): NgramCounts {
  const all = texts.flatMap(({ references }) => references);
  return order === 0
    ? new Map([["", lengthOf(all)]])
    : countsOf(all.flatMap((reference) => ngramsOf(reference, order)));
}

/** The bits that an output's matched n-grams of an order say. */
function information(
  { output, references }: ReferencedTokens,
  order: number,
  counts: readonly NgramCounts[],
): number {
  let bits = 0;
  for (const [ngram, count] of sharedNgrams(output, references, order)) {
    const before = counts[order - 1].get(withoutLast(ngram)) ?? 0;
    bits += count * Math.log2(before / (counts[order].get(ngram) ?? 1));
  }
  return bits;
}

const nistPenalty = (ratio: number): number =>
  ratio >= 1 ? 1 : Math.exp(-beta * Math.log(ratio) ** 2);

// N-grams.

/**
 * Number of occurrences of each n-gram; its tokens are joined by a space, which no token contains.
 */
export type NgramCounts = ReadonlyMap<string, number>;

/** Separator of the tokens of an n-gram. */
const joint = " ";

/** The n-grams of a text, in its order. */
export function ngramsOf(tokens: readonly string[], order: number): string[] {
  const count = Math.max(0, tokens.length - order + 1);
  return Array.from({ length: count }, (_, at) => tokens.slice(at, at + order).join(joint));
}

/** An n-gram without its last token; of a single token the empty one, which is everywhere. */
const withoutLast = (ngram: string): string =>
  ngram.slice(0, Math.max(0, ngram.lastIndexOf(joint)));

/** Counts the occurrences of each n-gram. */
export function countsOf(ngrams: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const ngram of ngrams) counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  return counts;
}

/** For each n-gram the most that one of the texts has of it. */
function mostOf(texts: readonly (readonly string[])[], order: number): NgramCounts {
  const most = new Map<string, number>();
  for (const text of texts) {
    for (const [ngram, count] of countsOf(ngramsOf(text, order))) {
      most.set(ngram, Math.max(most.get(ngram) ?? 0, count));
    }
  }
  return most;
}

/** The n-grams that a text shares with others, each at most as often as one of those has it. */
function* sharedNgrams(
  text: readonly string[],
  others: readonly (readonly string[])[],
  order: number,
): Generator<[ngram: string, count: number]> {
  const most = mostOf(others, order);
  for (const [ngram, count] of countsOf(ngramsOf(text, order))) {
    const shared = Math.min(count, most.get(ngram) ?? 0);
    if (shared > 0) yield [ngram, shared];
  }
}

// Tokens.

/** SGML's spellings and the plain text for each, in the order in which they are replaced. */
const undone: readonly (readonly [RegExp, string])[] = [
  [/<skipped>/g, ""],
  [/-\n/g, ""],
  [/\n/g, " "],
  [/&quot;/g, '"'],
  [/&amp;/g, "&"],
  [/&lt;/g, "<"],
  [/&gt;/g, ">"],
];

/** Boundaries of tokens inside of a word. Periods, commas and hyphens stay within numbers. */
const separated: readonly (readonly [RegExp, string])[] = [
  [/([{-~[-` -&(-+:-@/])/g, " $1 "],
  [/([^0-9])([.,])/g, "$1 $2 "],
  [/([.,])([^0-9])/g, " $1 $2"],
  [/([0-9])(-)/g, "$1 $2 "],
];

/**
 * Splits a text into tokens by the rules of `mteval-v13a`, in lower case: marks are tokens, apostrophes and
 * hyphens stay within words, and periods and commas within numbers. A text without tokens has one, which is
 * empty.
 *
 * @example
 * ```ts
 * mtevalTokens("It's family-friendly, at £20.50."); // ["it's", "family-friendly", ",", "at", "£20.50", "."]
 * ```
 */
export function mtevalTokens(text: string): string[] {
  const replaced = (text: string, rules: typeof undone) =>
    rules.reduce((text, [pattern, by]) => text.replace(pattern, by), text);
  const spaced = replaced(` ${replaced(text, undone)} `, separated);
  return spaced.replaceAll(/\s+/g, " ").trim().toLowerCase().split(" ");
}

/** Splits outputs and references. */
const mtevalTokensOf = (outputs: readonly ReferencedOutput[]): ReferencedTokens[] =>
  tokensOf(outputs, mtevalTokens);
