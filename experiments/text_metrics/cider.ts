/** CIDEr: how alike the rare n-grams of an output and its references are. @module */

import type { ReferencedOutput } from "../../src/data/mod.ts";
import { captionTokensOf } from "./tokens.ts";
import { countsOf, type NgramCounts, ngramsOf } from "./bleu.ts";
import { assertReferenced, type ReferencedTokens } from "./referenced_output.ts";

const orders = [1, 2, 3, 4];

/** Tolerance for differences of length: the deviation of a Gaussian, in bigrams. */
const sigma = 6;

/**
 * CIDEr as coco-caption computes it (CIDEr-D), the mean over the outputs, between 0 and 10:
 *
 * CIDErₙ(c, S) = (10 / |S|) Σ_s exp(−(l_c − l_s)² / 2σ²) · Σ_w min(g_w(c), g_w(s)) · g_w(s) / (‖g(c)‖ ‖g(s)‖),
 * σ = 6, and their mean over n = 1..4. g_w = count(w) · log(N / df(w)), N the number of outputs and df(w)
 * how many of them have a reference with the n-gram w.
 *
 * The script takes the number of bigrams as the length l. The weights come from these very references, so a
 * score depends on the set; a set of one output has the score 0, as log(1 / 1) = 0.
 *
 * Source: Vedantam, Zitnick and Parikh 2015, sections 3 and 6; `cider_scorer.py` of coco-caption, which the
 * E2E scripts call; tokens of `captionTokens`.
 *
 * @throws {RangeError} when there is no output, or one without a reference, or a text has more than 10,000 tokens.
 *
 * @example
 * ```ts
 * cider([
 *   { output: "a cheap pub by the river", references: ["a cheap pub by the river"] },
 *   { output: "no idea at all", references: ["the restaurant serves french food"] },
 * ]); // 5: 10 for the first, 0 for the second
 * ```
 */
export function cider(outputs: readonly ReferencedOutput[]): number {
  assertReferenced("CIDEr", outputs);
  const texts = captionTokensOf(outputs).map(({ output, references }) => ({
    output: countsOfAll(output),
    references: references.map(countsOfAll),
  }));
  const frequencies = countsOf(texts.flatMap(({ references }) => [
    ...new Set(references.flatMap((reference) => [...reference.flatMap((n) => [...n.keys()])])),
  ]));
  const weigh = (text: Counts) => text.map((counts) => weighted(counts, frequencies, texts.length));
  const scores = texts.map(({ output, references }) =>
    scoreOf(weigh(output), references.map(weigh))
  );
  return scores.reduce((sum, score) => sum + score, 0) / scores.length;
}

/** The counts of a text's n-grams by their order. */
type Counts = readonly NgramCounts[];

/** The script splits tokens once more, at the space within `5 1/2`. */
function countsOfAll(tokens: ReferencedTokens["output"]): Counts {
  const words = tokens.flatMap((token) => token.split(/\s+/));
  return orders.map((order) => countsOf(ngramsOf(words, order)));
}

/** The weights g of one order's n-grams, their norm and their number. */
interface Weighted {
  readonly weights: ReadonlyMap<string, number>;
  readonly norm: number;
  readonly count: number;
}

function weighted(counts: NgramCounts, frequencies: NgramCounts, outputs: number): Weighted {
  const weights = new Map<string, number>();
  let squares = 0, total = 0;
  for (const [ngram, count] of counts) {
    const weight = count * (Math.log(outputs) - Math.log(frequencies.get(ngram) ?? 1));
    weights.set(ngram, weight);
    squares += weight ** 2;
    total += count;
  }
  return { weights, norm: Math.sqrt(squares), count: total };
}

function scoreOf(
  output: readonly Weighted[],
  references: readonly (readonly Weighted[])[],
): number {
  let sum = 0;
  for (const reference of references) {
    const penalty = Math.exp(-((output[1].count - reference[1].count) ** 2) / (2 * sigma ** 2));
    for (const [i, made] of output.entries()) sum += penalty * similarity(made, reference[i]);
  }
  return 10 * sum / (orders.length * references.length);
}

function similarity(made: Weighted, written: Weighted): number {
  let product = 0;
  for (const [ngram, weight] of made.weights) {
    const other = written.weights.get(ngram) ?? 0;
    product += Math.min(weight, other) * other;
  }
  return made.norm && written.norm ? product / (made.norm * written.norm) : product;
}
