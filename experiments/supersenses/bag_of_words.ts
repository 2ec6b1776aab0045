/** A bag of words, and naive Bayes on it. @module */

import type { Features, LabeledFeatures, RegressionTask } from "./regression.ts";
import type { LabeledTexts } from "../labeled_texts.ts";

/** Longest n-grams of words. */
export type Grams = 1 | 2;

/** Lower-case words; with 2, also pairs of words that follow each other. */
export function gramsOf(text: string, grams: Grams): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const pairs = words.slice(1).map((word, i) => `${words[i]} ${word}`);
  return grams === 1 ? words : [...words, ...pairs];
}

/** Features of texts: 1 at each n-gram that a text has; those that no training text has are left out. */
export class BagOfWords {
  /** The training texts. */
  readonly task: RegressionTask;
  readonly #places = new Map<string, number>();
  readonly #grams: Grams;

  /** Gives every n-gram of the training texts a place. */
  constructor(train: LabeledTexts, grams: Grams) {
    this.#grams = grams;
    for (const gram of train.rows.flatMap(({ text }) => gramsOf(text, grams))) {
      if (!this.#places.has(gram)) this.#places.set(gram, this.#places.size);
    }
    const { size: width } = this.#places;
    this.task = { width, classes: train.labels.length, ...this.featuresOf(train) };
  }

  /** The features of texts. */
  featuresOf({ rows }: LabeledTexts): LabeledFeatures {
    return {
      rows: rows.map(({ text }) => this.#features(text)),
      labels: rows.map(({ label }) => label),
    };
  }

  #features(text: string): Features {
    const at = [...new Set(gramsOf(text, this.#grams))]
      .flatMap((gram) => this.#places.get(gram) ?? []);
    return { at, values: new Float64Array(at.length).fill(1) };
  }
}

/**
 * Multinomial naive Bayes: log p(class) + Σ log p(n-gram | class), with α added to every count (Manning,
 * Raghavan and Schütze 2008, section 13.2).
 */
export function naiveBayes(
  { rows, labels, width, classes }: RegressionTask,
  alpha: number,
): (row: Features) => Float64Array {
  const counts = new Float64Array(width * classes).fill(alpha);
  const totals = new Float64Array(classes).fill(alpha * width), priors = new Float64Array(classes);
  rows.forEach(({ at }, i) => {
    const label = labels[i];
    priors[label]++;
    totals[label] += at.length;
    for (let j = 0; j < at.length; j++) counts[at[j] * classes + label]++;
  });
  return ({ at }) =>
    priors.map((prior, c) => {
      let score = Math.log(prior);
      for (let j = 0; j < at.length; j++) {
        score += Math.log(counts[at[j] * classes + c] / totals[c]);
      }
      return score;
    });
}
