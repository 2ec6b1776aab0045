/** A count model of a token between two others: what a masked language model has to beat. @module */

/** Absolute discounting of counts (Ney et al. 1994). */
const discount = 0.75;

/** Counts of tokens after one context. */
class Counts {
  readonly #of = new Map<number, number>();
  #total = 0;

  add(token: number): void {
    this.#of.set(token, (this.#of.get(token) ?? 0) + 1);
    this.#total++;
  }

  /** (max(c − d, 0) + d · kinds · lower) / total. */
  share(token: number, lower: number): number {
    const count = this.#of.get(token) ?? 0;
    return (Math.max(0, count - discount) + discount * this.#of.size * lower) / this.#total;
  }

  /** Tokens that were seen. */
  get seen(): Iterable<number> {
    return this.#of.keys();
  }
}

const countsOf = (all: Map<number, Counts>, context: number): Counts =>
  all.getOrInsertComputed(context, () => new Counts());

/**
 * p(token | left, right) from counts in rows of tokens: those of the token between both neighbors, which back
 * off by absolute discounting to the mean of those with one neighbor, and these to single tokens and to the
 * uniform distribution. A neighbor that is itself hidden backs off in the same way.
 */
export class NeighborModel {
  readonly #vocabulary: number;
  readonly #tokens = new Counts();
  readonly #left = new Map<number, Counts>();
  readonly #right = new Map<number, Counts>();
  readonly #both = new Map<number, Counts>();

  /** Counts the inner tokens of all rows: the first and the last are context only. */
  constructor(rows: Iterable<ArrayLike<number>>, vocabulary: number) {
    this.#vocabulary = vocabulary;
    for (const row of rows) {
      for (let at = 1; at + 1 < row.length; at++) this.#count(row[at - 1], row[at], row[at + 1]);
    }
  }

  #count(left: number, token: number, right: number): void {
    this.#tokens.add(token);
    countsOf(this.#left, left).add(token);
    countsOf(this.#right, right).add(token);
    countsOf(this.#both, left * this.#vocabulary + right).add(token);
  }

  /** The share of a token alone. */
  unigram(token: number): number {
    return this.#tokens.share(token, 1 / this.#vocabulary);
  }

  /** p(token | left, right); all tokens of the vocabulary sum to 1. */
  probability(token: number, left: number, right: number): number {
    const alone = this.unigram(token);
    const [before, after] = [this.#left.get(left), this.#right.get(right)]
      .map((counts) => counts?.share(token, alone) ?? alone);
    const mean = (before + after) / 2;
    return this.#both.get(left * this.#vocabulary + right)?.share(token, mean) ?? mean;
  }

  /** The most probable token. */
  best(left: number, right: number): number {
    const seen = [this.#both.get(left * this.#vocabulary + right), this.#left.get(left)]
      .concat(this.#right.get(right))
      .flatMap((counts) => counts ? [...counts.seen] : []);
    const candidates = seen.length > 0 ? new Set(seen) : this.#tokens.seen;
    let best = -1, most = -1;
    for (const token of candidates) {
      const share = this.probability(token, left, right);
      if (share > most) [best, most] = [token, share];
    }
    return best;
  }
}
