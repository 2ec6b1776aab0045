import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { Random } from "../../src/core/random.ts";
import {
  BYTE_ALPHABET,
  countWords,
  saveTokenizer,
  trainBytePairs,
  WORD_PATTERN,
} from "../../src/tokenizer/train.ts";
import { loadTokenizer } from "../../src/tokenizer/tokenizer.ts";

const ODD_TEXTS = [
  "  a",
  "a\n\n b",
  "<|endoftext|>x <|endoftext|>",
  "I'll don't 'S naïve — 123,456 🙂 日本",
  "a\tb\r\n c",
  " \u00a0x\u3000y",
];

const committed = new URL("../../models/tiny-gpt2", import.meta.url).pathname;

type Pair = [string, string];

/** Replaces each adjacent pair, from the left. */
function glue(parts: readonly string[], [left, right]: Pair): string[] {
  const at = parts.findIndex((part, index) => part === left && parts[index + 1] === right);
  if (at < 0) return [...parts];
  return [...parts.slice(0, at), left + right, ...glue(parts.slice(at + 2), [left, right])];
}

/** The textbook's loop: counts all pairs of all words anew before each merge; ties go to older tokens. */
function mergesByRecounting(texts: string[], merges: number): Pair[] {
  const tokens = [...BYTE_ALPHABET];
  const age = ([left, right]: Pair) => tokens.indexOf(left) * 10_000 + tokens.indexOf(right);
  let words = texts.flatMap((text) => text.match(WORD_PATTERN) ?? [])
    .map((word) => [...word.replaceAll(" ", "Ġ")]);
  return Array.from({ length: merges }, () => {
    const pairs = words.flatMap((parts) =>
      parts.slice(1).map((right, at): Pair => [parts[at], right])
    );
    const counts = Map.groupBy(pairs, (pair) => age(pair));
    const [best] = [...counts.values()].sort((a, b) =>
      b.length - a.length || age(a[0]) - age(b[0])
    );
    words = words.map((parts) => glue(parts, best[0]));
    tokens.push(best[0].join(""));
    return best[0];
  });
}

/** Words of two letters, so that pairs overlap ("aaa") and merges meet. */
function randomText(seed: number, words: number): string {
  const random = new Random(seed);
  const letter = () => "ab"[random.integer(2)];
  const word = () => Array.from({ length: 1 + random.integer(9) }, letter).join("");
  return Array.from({ length: words }, word).join(" ");
}

Deno.test("words are split as GPT-2 does and keep their spaces", () => {
  assertEquals([...countWords(["we're 12 of us... \n we"])], [
    ["we", 1],
    ["'re", 1],
    [" 12", 1],
    [" of", 1],
    [" us", 1],
    ["...", 1],
    [" \n", 1],
    [" we", 1],
  ]);
});

Deno.test("incremental pair counts give the merges of recounting", () => {
  for (const seed of [1, 2, 3]) {
    const texts = [randomText(seed, 60), randomText(seed + 100, 40)];
    const { merges } = trainBytePairs(texts, { vocabularySize: 257 + 30 });
    assertEquals(merges, mergesByRecounting(texts, 30));
  }
});

Deno.test("training does not depend on the order of documents", () => {
  const texts = ["the cat sat on the mat", "the dog ate the cat's hat", "a mat, a hat, a cat"];
  const options = { vocabularySize: 270 };
  assertEquals(trainBytePairs(texts.toReversed(), options), trainBytePairs(texts, options));
});

Deno.test("training refuses a vocabulary that is too small or cannot be filled", () => {
  assertThrows(() => trainBytePairs(["ab"], { vocabularySize: 256 }), RangeError, "found 256");
  assertThrows(() => trainBytePairs(["ab"], { vocabularySize: 300 }), RangeError, "found 258");
});

Deno.test("a saved tokenizer loads and gives any text back", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const vocabulary = trainBytePairs(["the cat sat on the mat the cat"], { vocabularySize: 265 });
    await saveTokenizer(`${folder}/new`, vocabulary);
    const tokenizer = await loadTokenizer(`${folder}/new`);
    assertEquals(tokenizer.vocabularySize, 265);
    assertEquals(tokenizer.endOfText, 264);
    for (const text of ["", ...ODD_TEXTS]) {
      assertEquals(tokenizer.decode(tokenizer.encode(text)), text);
    }
    assertEquals(tokenizer.decode([264, 0], { skipSpecialTokens: true }), "!");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("the committed tokenizer gives the ids of Python's tokenizers", async () => {
  const tokenizer = await loadTokenizer(committed);
  assertEquals(tokenizer.vocabularySize, 1024);
  assertEquals(tokenizer.endOfText, 1023);
  // deno-fmt-ignore
  const golden = [
    [220, 258],
    [64, 198, 198, 273],
    [1023, 87, 220, 1023],
    [40, 6, 335, 293, 263, 6, 83, 220, 6, 50, 298, 64, 127, 107, 306, 220, 766, 448, 17, 18, 11, 19, 20, 21,
      220, 172, 253, 247, 224, 220, 162, 245, 98, 162, 250, 105],
    [64, 197, 65, 201, 198, 272],
    [220, 126, 254, 87, 159, 222, 222, 88],
  ]; // tokenizers 0.23.3, Tokenizer.from_file(…).encode(text).ids
  assertEquals(ODD_TEXTS.map((text) => [...tokenizer.encode(text)]), golden);
});

Deno.test("a folder without a tokenizer is named", async () => {
  await assertRejects(() => loadTokenizer("no/such/folder"), Error, "no/such/folder/tokenizer");
});
