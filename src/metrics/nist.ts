/** NIST: BLEU's matches, weighted by how much each of them says. @module */

import { mtevalTokensOf } from "./mteval_tokens.ts";
import { countsOf, type NgramCounts, ngramsOf, sharedNgrams, withoutLast } from "./ngrams.ts";
import {
  assertReferenced,
  type ReferencedOutput,
  type ReferencedTokens,
} from "./referenced_output.ts";

const orders = [1, 2, 3, 4, 5];

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
 * import { nist } from "@lowrank/core/metrics";
 * nist([{ output: "a b", references: ["a b"] }]); // 1: either word says log2(2) bits, the pair nothing more
 * ```
 */
export function nist(outputs: readonly ReferencedOutput[]): number {
  assertReferenced("NIST", outputs);
  const texts = mtevalTokensOf(outputs);
  const counts = [0, ...orders].map((order) => referenceCounts(texts, order));
  let score = 0, made = 0, wanted = 0;
  for (const { output, references } of texts) {
    made += output.length;
    wanted += lengthOf(references) / references.length;
  }
  for (const order of orders) {
    const possible = texts.reduce((sum, { output }) => sum + output.length - order + 1, 0);
    const found = texts.reduce((sum, text) => sum + information(text, order, counts), 0);
    if (possible !== 0) score += found / possible;
  }
  return brevityPenalty(made / wanted) * score;
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

const brevityPenalty = (ratio: number): number =>
  ratio >= 1 ? 1 : Math.exp(-beta * Math.log(ratio) ** 2);
