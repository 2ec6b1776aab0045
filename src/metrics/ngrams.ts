/** Counts of n-grams. @module */

/** How often each n-gram occurs; its tokens are joined by a space, which no token contains. */
export type NgramCounts = ReadonlyMap<string, number>;

/** Between the tokens of an n-gram. */
const joint = " ";

/** The n-grams of a text, in its order. */
export function ngramsOf(tokens: readonly string[], order: number): string[] {
  const count = Math.max(0, tokens.length - order + 1);
  return Array.from({ length: count }, (_, at) => tokens.slice(at, at + order).join(joint));
}

/** An n-gram without its last token; of a single token the empty one, which is everywhere. */
export const withoutLast = (ngram: string): string =>
  ngram.slice(0, Math.max(0, ngram.lastIndexOf(joint)));

/** How often each of them occurs. */
export function countsOf(ngrams: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const ngram of ngrams) counts.set(ngram, (counts.get(ngram) ?? 0) + 1);
  return counts;
}

/** For each n-gram the most that one of the texts has of it. */
export function mostOf(texts: readonly (readonly string[])[], order: number): NgramCounts {
  const most = new Map<string, number>();
  for (const text of texts) {
    for (const [ngram, count] of countsOf(ngramsOf(text, order))) {
      most.set(ngram, Math.max(most.get(ngram) ?? 0, count));
    }
  }
  return most;
}

/** The n-grams that a text shares with others, each at most as often as one of those has it. */
export function* sharedNgrams(
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
