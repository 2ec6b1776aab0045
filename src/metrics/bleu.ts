/** BLEU: which share of a text's n-grams people wrote, too. @module */

import { mtevalTokensOf } from "./mteval_tokens.ts";
import { sharedNgrams } from "./ngrams.ts";
import { assertReferenced, type ReferencedOutput } from "./referenced_output.ts";

const orders = [1, 2, 3, 4];

/** What stands for no match and for no n-gram, so that the logarithm exists. */
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
 * import { bleu } from "@lowrank/core/metrics";
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
