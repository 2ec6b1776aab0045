/** The n-grams that our small decoders have to beat. @module */

import { KneserNey, type KneserNeyOptions } from "./kneser_ney.ts";

const orders = { unigram: 1, trigram: 3, fiveGram: 5 };

/** Scores of the n-grams, by their names. */
export type NgramScores<Score> = Readonly<Record<keyof typeof orders, Score>>;

/** Scores Kneser-Ney n-grams that have counted some documents. */
export function ngramScores<Score>(
  documents: Iterable<ArrayLike<number>>,
  options: Omit<KneserNeyOptions, "order">,
  score: (model: KneserNey) => Score,
): NgramScores<Score> {
  const scores = Object.entries(orders).map(([name, order]) =>
    [name, score(new KneserNey(documents, { ...options, order }))] as const
  );
  return Object.fromEntries(scores) as NgramScores<Score>;
}
