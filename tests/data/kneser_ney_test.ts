import { assert, assertAlmostEquals, assertThrows } from "@std/assert";
import { Random } from "../../src/core/random.ts";
import { KneserNey } from "../../scripts/pretrain/kneser_ney.ts";
import { languageScore } from "../../src/data/documents.ts";

const END = 0;

function randomDocuments(seed: number, vocabularySize: number, count: number): number[][] {
  const random = new Random(seed);
  const token = () => 1 + Math.floor((vocabularySize - 2) * random.uniform() ** 2);
  return Array.from(
    { length: count },
    () => [...Array.from({ length: random.integer(9) }, token), END],
  );
}

/** Every n-gram of every document with its start, as text: `^ 3 1` begins a document. */
function occurrences(documents: number[][], order: number): string[] {
  return documents.flatMap((document) => {
    const tokens = ["^", ...document.map(String)];
    return tokens.slice(order - 1).map((_, at) => tokens.slice(at, at + order).join(" "))
      .filter((gram) => gram !== "^");
  });
}

function tally(grams: Iterable<string>): Map<string, number> {
  const counts = new Map<string, number>();
  for (const gram of grams) counts.set(gram, (counts.get(gram) ?? 0) + 1);
  return counts;
}

const withoutFirst = (gram: string) => gram.split(" ").slice(1).join(" ");

/** The definition of Chen and Goodman, written down with text keys and no trie. */
class TextbookKneserNey {
  readonly counts: Map<string, number>[];
  readonly discounts: number[][];

  constructor(documents: number[][], readonly order: number, readonly vocabularySize: number) {
    this.counts = Array.from({ length: order + 1 }, (_, length) => {
      if (length === 0) return new Map<string, number>();
      const seen = tally(occurrences(documents, length));
      if (length === order) return seen;
      const distinct = tally([...new Set(occurrences(documents, length + 1))].map(withoutFirst));
      for (const [gram, count] of seen) if (gram.startsWith("^")) distinct.set(gram, count);
      return distinct;
    });
    this.discounts = this.counts.map((counts) => {
      const [n1, n2, n3, n4] = [1, 2, 3, 4].map((many) =>
        [...counts.values()].filter((count) => count === many).length
      );
      const y = n1 / (n1 + 2 * n2);
      const found = [0, 1 - 2 * y * n2 / n1, 2 - 3 * y * n3 / n2, 3 - 4 * y * n4 / n3];
      return found.every((value, at) => value >= 0 && value <= at) ? found : [0, 0.5, 1, 1.5];
    });
  }

  probability(context: string[], token: number): number {
    const length = context.length + 1;
    const lower = context.length === 0
      ? 1 / this.vocabularySize
      : this.probability(context.slice(1), token);
    const prefix = context.map((each) => `${each} `).join("");
    const discount = (count: number) => this.discounts[length][Math.min(3, count)];
    const after = Array.from(
      { length: this.vocabularySize },
      (_, next) => this.counts[length].get(`${prefix}${next}`) ?? 0,
    );
    const total = after.reduce((sum, count) => sum + count, 0);
    if (total === 0) return lower;
    const reserved = after.reduce((sum, count) => sum + discount(count), 0);
    return (after[token] - discount(after[token]) + reserved * lower) / total;
  }

  nats(document: number[]): number {
    const tokens = ["^", ...document.map(String)];
    return document.reduce((sum, token, at) => {
      const context = tokens.slice(Math.max(0, at + 2 - this.order), at + 1);
      return sum - Math.log(this.probability(context, token));
    }, 0);
  }
}

Deno.test("a bigram model gives the probabilities worked out by hand", () => {
  // Bigrams (e 1) (1 1) (1 e), each once; distinct tokens before: 2 before 1, 1 before e; 3 in all.
  // Too few for estimates: D = 0.5, 1. Unigrams: p(1) = (2 - 1)/3 + 1.5/3 · 1/3 = 1/2, p(e) = 1/3, p(2) = 1/6.
  const model = new KneserNey([[1, 1, END]], { order: 2, vocabularySize: 3, endOfText: END });
  assertAlmostEquals(model.probability([], 1), 1 / 2, 1e-12);
  assertAlmostEquals(model.probability([], END), 1 / 3, 1e-12);
  assertAlmostEquals(model.probability([], 2), 1 / 6, 1e-12);
  assertAlmostEquals(model.probability([1], 1), 0.5 / 2 + 1 / 2 * 1 / 2, 1e-12);
  assertAlmostEquals(model.probability([1], END), 0.5 / 2 + 1 / 2 * 1 / 3, 1e-12);
  assertAlmostEquals(model.probability([2], 1), 1 / 2, 1e-12);
});

Deno.test("probabilities agree with the textbook's definition at every order", () => {
  for (const [seed, count] of [[1, 12], [2, 300]]) {
    const train = randomDocuments(seed, 7, count);
    const heldOut = randomDocuments(seed + 50, 7, 15);
    for (const order of [1, 2, 3, 5]) {
      const model = new KneserNey(train, { order, vocabularySize: 7, endOfText: END });
      const textbook = new TextbookKneserNey(train, order, 7);
      for (const document of heldOut) {
        assertAlmostEquals(model.nats(document), textbook.nats(document), 1e-9);
      }
    }
  }
});

Deno.test("probabilities sum to one after every context, seen or not", () => {
  const model = new KneserNey(randomDocuments(3, 9, 200), {
    order: 4,
    vocabularySize: 9,
    endOfText: END,
  });
  const random = new Random(4);
  for (let trial = 0; trial < 200; trial++) {
    const context = Array.from({ length: random.integer(6) }, () => random.integer(9));
    const each = Array.from({ length: 9 }, (_, token) => model.probability(context, token));
    assertAlmostEquals(each.reduce((sum, value) => sum + value), 1, 1e-12);
    assert(each.every((value) => value > 0), `a probability after [${context}] is zero`);
  }
});

Deno.test("thousands of n-grams grow the trie without losing any", () => {
  const random = new Random(5);
  const documents = [[...Array.from({ length: 20_000 }, () => 1 + random.integer(200)), END]];
  const model = new KneserNey(documents, { order: 3, vocabularySize: 201, endOfText: END });
  const textbook = new TextbookKneserNey(documents, 3, 201);
  const short = documents[0].slice(0, 40);
  assertAlmostEquals(model.nats(short), textbook.nats(short), 1e-9);
});

Deno.test("n-gram models refuse an order or end of text out of range", () => {
  const options = { order: 2, vocabularySize: 3, endOfText: END };
  assertThrows(() => new KneserNey([], { ...options, order: 0 }), RangeError, "found 0");
  assertThrows(() => new KneserNey([], { ...options, endOfText: 3 }), RangeError, "found 3");
});

Deno.test("a uniform model over 256 one-byte tokens needs 8 bits per byte", () => {
  const { natsPerToken, bitsPerByte } = languageScore(10 * Math.log(256), {
    tokens: 10,
    bytes: 10,
  });
  assertAlmostEquals(natsPerToken, Math.log(256), 1e-12);
  assertAlmostEquals(bitsPerByte, 8, 1e-12);
});
