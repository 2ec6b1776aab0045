/**
 * Interpolated modified Kneser-Ney n-gram language models over token ids: a strong baseline for a small
 * language model. Source: Chen and Goodman 1998, section 4.1.6 and equations 27-28.
 *
 * @module
 */

import { assertOptions } from "../../src/core/checks.ts";
import { hash32 } from "../../src/core/random.ts";

// The model.

/** Options of {@link KneserNey}. */
export interface KneserNeyOptions {
  /** Longest n-gram, in tokens: 1 to 5 are usual, 3 is a trigram. */
  readonly order: number;
  /** Number of tokens that can be predicted. */
  readonly vocabularySize: number;
  /** The token that ends every document and is the context of its first token. */
  readonly endOfText: number;
}

/** Discounts of counts 0, 1, 2 and 3 or more. */
type Discounts = readonly [0, number, number, number];

/** Used if a corpus is too small to estimate discounts, like KenLM's `--discount_fallback`. */
const FALLBACK: Discounts = [0, 0.5, 1, 1.5];

/** Discounts from the numbers of n-grams with counts 1, 2, 3 and 4 (Chen and Goodman 1998, equation 26). */
function discountsOf([, n1, n2, n3, n4]: readonly number[]): Discounts {
  const y = n1 / (n1 + 2 * n2);
  const discounts: Discounts = [
    0,
    1 - 2 * y * n2 / n1,
    2 - 3 * y * n3 / n2,
    3 - 4 * y * n4 / n3,
  ];
  return discounts.every((value, count) => value >= 0 && value <= count) ? discounts : FALLBACK;
}

function checkOptions(options: KneserNeyOptions): void {
  const names = { order: true, vocabularySize: true, endOfText: true } as const;
  assertOptions("KneserNey", options, names);
  const { order, vocabularySize, endOfText } = options;
  if (!Number.isInteger(order) || order < 1 || order > 255) {
    throw new RangeError(`an n-gram model needs an order of 1 to 255, found ${order}`);
  }
  if (endOfText < 0 || endOfText >= vocabularySize) {
    throw new RangeError(
      `an n-gram model needs an end-of-text token below the vocabulary size ${vocabularySize}, found ${endOfText}`,
    );
  }
}

/**
 * An interpolated modified Kneser-Ney model: p(w | c) = max(0, a(c w) − D(a(c w))) / Σ a(c ·) + γ(c)
 * p(w | c without its first token), with the uniform distribution below the unigram. The count a is the
 * number of occurrences for n-grams of full order and for those that begin a document, and the number
 * of distinct tokens before the n-gram for all others.
 *
 * The discounts D of counts 1, 2 and 3 or more are estimated per order; for a corpus too small for that
 * they are 0.5, 1 and 1.5. N-grams never cross documents. Cost: about 50 bytes per distinct n-gram.
 *
 * @example
 * ```ts
 * const model = new KneserNey([[1, 2, 0]], { order: 2, vocabularySize: 3, endOfText: 0 });
 * model.probability([1], 2); // the largest of the three
 * ```
 */
export class KneserNey {
  /** Longest n-gram, in tokens. */
  readonly order: number;
  readonly #trie = new NgramTrie();
  readonly #uniform: number;
  readonly #endOfText: number;
  readonly #discounts: readonly Discounts[];
  /** Per context: Σ a(c ·), and the mass Σ D(a(c ·)) that goes to the shorter context. */
  readonly #total: Float64Array;
  readonly #reserved: Float64Array;

  /**
   * Counts the documents, each a sequence of token ids that ends with `endOfText`.
   *
   * @throws {RangeError} when the order or the end-of-text token is out of range.
   */
  constructor(documents: Iterable<ArrayLike<number>>, options: KneserNeyOptions) {
    checkOptions(options);
    this.order = options.order;
    this.#uniform = 1 / options.vocabularySize;
    this.#endOfText = options.endOfText;
    for (const document of documents) this.#count(document);
    this.#discounts = this.#estimateDiscounts();
    this.#total = new Float64Array(this.#trie.size);
    this.#reserved = new Float64Array(this.#trie.size);
    this.#sumContexts();
  }

  /** Probability of `token` after `context`, of which the last order − 1 tokens are used. */
  probability(context: ArrayLike<number>, token: number): number {
    const start = Math.max(0, context.length - this.order + 1);
    let nodes: number[] = [ROOT];
    for (let at = start; at < context.length; at++) nodes = this.#advance(nodes, context[at]);
    return this.#probability(nodes, token);
  }

  /** The negative log-likelihood, −Σ ln p in nats, of a document (ending with `endOfText`). */
  nats(document: ArrayLike<number>): number {
    let nodes = this.#advance([ROOT], this.#endOfText);
    let sum = 0;
    for (let at = 0; at < document.length; at++) {
      sum -= Math.log(this.#probability(nodes, document[at]));
      nodes = this.#advance(nodes, document[at]);
    }
    return sum;
  }

  /** The nodes of the contexts of 0, 1, 2, … tokens, after one more token. */
  #advance(nodes: readonly number[], token: number): number[] {
    const kept = nodes.slice(0, this.order - 1);
    return [ROOT, ...kept.map((node) => node === ABSENT ? ABSENT : this.#trie.find(node, token))];
  }

  #probability(nodes: readonly number[], token: number): number {
    let probability = this.#uniform;
    for (const node of nodes) {
      if (node === ABSENT || this.#total[node] === 0) continue;
      const child = this.#trie.find(node, token);
      const count = child === ABSENT ? 0 : this.#trie.count[child];
      const kept = count - this.#discount(this.#trie.order[node] + 1, count);
      probability = (kept + this.#reserved[node] * probability) / this.#total[node];
    }
    return probability;
  }

  #discount(order: number, count: number): number {
    return this.#discounts[order][Math.min(count, 3)];
  }

  #count(document: ArrayLike<number>): void {
    const trie = this.#trie;
    let ends = [ROOT, trie.findOrAdd(ROOT, this.#endOfText)];
    for (let at = 0; at < document.length; at++) {
      const contexts = ends.slice(0, this.order);
      const begins = ends.length <= this.order;
      ends = [ROOT];
      contexts.forEach((context, length) => {
        const isLongest = length + 1 === this.order || (begins && length === contexts.length - 1);
        ends.push(this.#countOne(context, document[at], ends[length], isLongest));
      });
    }
  }

  /**
   * Counts one n-gram: by occurrence if it cannot be extended to the left, else by distinct preceding
   * tokens.
   */
  #countOne(context: number, token: number, suffix: number, isLongest: boolean): number {
    const trie = this.#trie;
    const before = trie.size;
    const node = trie.findOrAdd(context, token);
    if (node === before && suffix !== ROOT) trie.count[suffix]++;
    if (isLongest) trie.count[node]++;
    return node;
  }

  #estimateDiscounts(): Discounts[] {
    const { count, order, size } = this.#trie;
    const histogram = Array.from({ length: this.order + 1 }, () => [0, 0, 0, 0, 0]);
    for (let node = 1; node < size; node++) {
      if (count[node] <= 4) histogram[order[node]][count[node]]++;
    }
    return histogram.map(discountsOf);
  }

  #sumContexts(): void {
    const { count, order, parent, size } = this.#trie;
    for (let node = 1; node < size; node++) {
      this.#total[parent[node]] += count[node];
      this.#reserved[parent[node]] += this.#discount(order[node], count[node]);
    }
  }
}

// The trie.

/** The root: the empty n-gram. */
const ROOT: number = 0;

/** Result of {@link NgramTrie.find} for an n-gram that was never added. */
const ABSENT: number = -1;

function grown<A extends Int32Array | Uint8Array>(array: A, make: (length: number) => A): A {
  const larger = make(array.length * 2);
  larger.set(array);
  return larger;
}

/** N-grams as nodes: a node's parent is the n-gram without its last token. */
class NgramTrie {
  /** Number of nodes, the root included. */
  size = 1;
  /** Parent of each node. */
  parent: Int32Array = new Int32Array(1024);
  /** Last token of each node. */
  token: Int32Array = new Int32Array(1024);
  /** Count of each n-gram, maintained by the owner. */
  count: Int32Array = new Int32Array(1024);
  /** Tokens in each n-gram. */
  order: Uint8Array = new Uint8Array(1024);
  #slots: Int32Array = new Int32Array(4096).fill(ABSENT);

  /** The node of the n-gram that extends `node` by `token`, or {@link ABSENT}. */
  find(node: number, token: number): number {
    return this.#slots[this.#slot(node, token)];
  }

  /** Like {@link find}, but adds the n-gram with count 0 if it is absent. */
  findOrAdd(node: number, token: number): number {
    const slot = this.#slot(node, token);
    return this.#slots[slot] !== ABSENT ? this.#slots[slot] : this.#add(slot, node, token);
  }

  #add(slot: number, parent: number, token: number): number {
    if (this.size === this.parent.length) this.#growNodes();
    const node = this.size++;
    this.parent[node] = parent;
    this.token[node] = token;
    this.order[node] = this.order[parent] + 1;
    this.#slots[slot] = node;
    if (this.size * 2 > this.#slots.length) this.#growSlots();
    return node;
  }

  /** The slot that holds (node, token), or the empty one where it belongs. */
  #slot(node: number, token: number): number {
    const mask = this.#slots.length - 1;
    let slot = hash32(token, node) & mask;
    for (let found = this.#slots[slot]; found !== ABSENT; found = this.#slots[slot]) {
      if (this.parent[found] === node && this.token[found] === token) return slot;
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #growNodes(): void {
    const integers = (length: number) => new Int32Array(length);
    this.parent = grown(this.parent, integers);
    this.token = grown(this.token, integers);
    this.count = grown(this.count, integers);
    this.order = grown(this.order, (length) => new Uint8Array(length));
  }

  #growSlots(): void {
    this.#slots = new Int32Array(this.#slots.length * 2).fill(ABSENT);
    for (let node = 1; node < this.size; node++) {
      this.#slots[this.#slot(this.parent[node], this.token[node])] = node;
    }
  }
}
