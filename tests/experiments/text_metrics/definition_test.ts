/** The metrics against their definitions, by hand. */

import { assertAlmostEquals, assertEquals, assertLess, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  bleu,
  captionTokens,
  cider,
  mtevalTokens,
  nist,
  rougeL,
  scoreTexts,
  textMetrics,
} from "../../../experiments/text_metrics/mod.ts";
import type { ReferencedOutput } from "../../../src/data/mod.ts";

const one = (output: string, ...references: string[]): ReferencedOutput[] => [
  { output, references },
];

Deno.test("mteval's tokens: marks apart, but not within numbers or words", () => {
  const tokens = (text: string) => mtevalTokens(text).join(" ");
  assertEquals(tokens("It's 3.50, (or £1,000)."), "it's 3.50 , ( or £1,000 ) .");
  assertEquals(
    tokens("family-friendly 20-25 &quot;A&amp;B&quot;"),
    'family-friendly 20 - 25 " a & b "',
  );
  assertEquals(mtevalTokens("  "), [""]);
});

Deno.test("treebank tokens: contractions split, brackets named, marks dropped", () => {
  const tokens = (text: string) => captionTokens(text).join(" ");
  assertEquals(tokens("We can't; they'll cannot."), "we ca n't they 'll can not");
  assertEquals(tokens("(a) [b] {c} \"d\" 'e'"), "-lrb- a -rrb- -lsb- b -rsb- -lcb- c -rcb- d e");
  assertEquals(tokens("£20-25 for 1 1/2 U.S. pints"), "# 20-25 for 1\u00a01/2 u.s. pints");
  assertEquals(captionTokens(" \n"), []);
});

Deno.test("BLEU: the product of precisions, clipping and brevity", () => {
  const output = "the cat the cat on a mat", reference = "the cat is on a mat today";
  // 1-grams: the, cat, on, a, mat once each of 7; 2-grams: the cat, on a, a mat of 6; 3: on a mat; 4: none.
  assertAlmostEquals(bleu(one(output, reference)), (5 / 7 * 3 / 6 * 1 / 5 * 1e-15 / 4) ** (1 / 4));
  const five = "a b c d e", ten = `${five} f g h i j`;
  assertAlmostEquals(bleu(one(five, ten)), Math.exp(1 - 10 / 5));
  assertEquals(bleu(one(five, ten, five)), 1, "the closest reference counts");
  assertEquals(bleu(one(ten, five)) < 1, true, "a longer output loses by precision alone");
  assertAlmostEquals(
    bleu(one("a b c d", "a b c d e", "a b c")),
    1,
    1e-12,
    "the shorter of two as close",
  );
});

Deno.test("BLEU sums over the set before it divides", () => {
  const set = [...one("a b c d e", "a b c d e"), ...one("v w x y z", "a b c d e")];
  assertAlmostEquals(bleu(set), 0.5);
});

Deno.test("BLEU counts fewer than no n-grams of an output that is shorter, as the script does", () => {
  // Of order 4: 1 match of 2 - 1 n-grams.
  const set = [...one("a b c d", "a b c d"), ...one("e f", "e f")];
  const precisions = [6 / 6, 4 / 4, 2 / 2, 1 / (1 - 1 + 1e-9)];
  assertAlmostEquals(bleu(set), precisions.reduce((product, p) => product * p, 1) ** 0.25, 1e-6);
});

Deno.test("NIST: the information of what is matched, and its penalty for length", () => {
  const nothing = one("x", "a b");
  assertEquals(nist(nothing), 0);
  // 4 words in all references, "a" twice: 1 bit; "b", "c" once: 2 bits each.
  const set = [...one("a b", "a b"), ...one("a c", "a c")];
  const first = (1 + 2 + 1 + 2) / 4, second = (1 + 1) / 2; // after "a", either follows with 1 bit
  // Order 3 has -0 n-grams of 2 outputs of length 2, order 4 has -2.
  assertAlmostEquals(nist(set), first + second);
  const short = one("a b", "a b c"), beta = -Math.log(0.5) / Math.log(1.5) ** 2;
  const information = (2 * Math.log2(3)) / 2 + Math.log2(1) / 1;
  assertAlmostEquals(nist(short), information * Math.exp(-beta * Math.log(2 / 3) ** 2));
  assertAlmostEquals(nist(short), information / 2, 1e-12, "half of the score at two thirds");
});

Deno.test("ROUGE-L: best precision and best recall, weighed by 1.2", () => {
  const score = (p: number, r: number) => (1 + 1.44) * p * r / (r + 1.44 * p);
  assertAlmostEquals(rougeL(one("a cheap pub", "a cheap and friendly pub")), score(1, 3 / 5));
  assertAlmostEquals(
    rougeL(one("a x c", "a b c", "c")),
    score(2 / 3, 1),
    1e-12,
    "of two references",
  );
  assertEquals(rougeL(one("", "a b")), 0);
  assertEquals(rougeL(one("c b a", "x y z")), 0);
});

Deno.test("CIDEr: the cosine of weights, with a penalty for length", () => {
  const far = one("v w", "q r s t");
  // Two outputs: what only the first one's references have weighs log 2.
  const near = cider([...one("a b c d", "a b c d"), ...far]);
  assertAlmostEquals(near, 10 / 2);
  const shorter = cider([...one("a b c d", "a b c d e f"), ...far]);
  const penalty = Math.exp(-(2 ** 2) / 72);
  const cosines = [
    4 / Math.sqrt(4 * 6),
    3 / Math.sqrt(3 * 5),
    2 / Math.sqrt(2 * 4),
    1 / Math.sqrt(3),
  ];
  assertAlmostEquals(shorter, 10 * penalty * cosines.reduce((a, b) => a + b) / 4 / 2);
  assertEquals(cider(one("a b c d", "a b c d")), 0, "one output: every n-gram is in all of them");
});

Deno.test("no output, or one without references, is refused", () => {
  assertThrows(() => bleu([]), RangeError, "BLEU needs at least 1 output, found none");
  const bare = [...one("a", "a"), { output: "b", references: [] }];
  assertThrows(() => cider(bare), RangeError, "a reference for every output, found none for 2");
});

const words = fc.array(fc.constantFrom("a", "b", "c", "d", "The", "5", "."), { maxLength: 12 })
  .map((tokens) => tokens.join(" "));
const sets = fc.array(
  fc.record({ output: words, references: fc.array(words, { minLength: 1, maxLength: 4 }) }),
  { minLength: 1, maxLength: 6 },
);

Deno.test("the order of references does not matter, and scores are finite", () => {
  fc.assert(
    fc.property(sets, (set) => {
      const turned = set.map(({ output, references }) => ({
        output,
        references: references.toReversed(),
      }));
      const { meteorWithoutParaphrases, ...scores } = scoreTexts(set, textMetrics);
      const again = scoreTexts(turned, textMetrics);
      // METEOR counts the first of the references that are equally good, as its own program does.
      assertEquals(Number.isFinite(meteorWithoutParaphrases), true);
      for (const name of ["bleu", "nist", "rougeL", "cider"] as const) {
        assertEquals(Number.isFinite(scores[name]), true, name);
        assertAlmostEquals(scores[name], again[name], 1e-9 * Math.max(1, scores[name]));
      }
      assertLess(scores.rougeL, 1 + 1e-12);
      assertLess(scores.cider, 10 + 1e-9);
    }),
    { numRuns: 200, seed: 1 },
  );
});

Deno.test("what repeats a reference gets all that a metric gives", () => {
  const texts = [
    "The inn serves French food by the river.",
    "A cheap pub, it has a low rating of 1 of 5.",
  ];
  const same = texts.map((text) => ({
    output: text,
    references: [text, "Something else entirely."],
  }));
  const { bleu, rougeL, cider } = scoreTexts(same, textMetrics);
  assertAlmostEquals(bleu, 1);
  assertAlmostEquals(rougeL, 1);
  // Half of the references; the other ones share nothing.
  assertAlmostEquals(cider, 5);
});

Deno.test("METEOR without a table of paraphrases has another name wherever it is scored", () => {
  const set = one("a cheap pub", "a cheap pub"),
    synonyms = { meanings: new Map(), bases: new Map() };
  const paraphrases = { phrases: new Map(), longest: 0 };
  for (const tables of [undefined, {}, { synonyms }]) {
    assertEquals(Object.keys(scoreTexts(set, ["meteor"], tables)), ["meteorWithoutParaphrases"]);
  }
  assertEquals(scoreTexts(set, ["meteor"], { synonyms, paraphrases }), { meteor: 1 });
});

Deno.test("a text that is too long is refused by every metric, and named by how it begins", () => {
  const long = "a ".repeat(10_001), message = 'at most 10,000 tokens, found 10,001 in "a a a';
  for (const set of [one(long, "a"), one("a", "a", long)]) {
    for (const metric of textMetrics) {
      assertThrows(() => scoreTexts(set, [metric]), RangeError, message);
    }
  }
  const same = "a ".repeat(363), other = `${same}b`;
  assertThrows(
    () => scoreTexts(one(same, other), ["meteor"]),
    RangeError,
    "at most 131,072 pairs of matching words, found more in an output of 363 and a reference of 364 words",
  );
});
