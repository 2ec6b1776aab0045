import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  glossBatches,
  glossTexts,
  loadMeanings,
  type Meaning,
  parseMeanings,
  promptedText,
  splitOf,
} from "../../src/data/tasks/wordnet.ts";
import { encodePrompted, promptedBatches } from "../../src/data/prompted_batches.ts";
import { type Batch, countTargets } from "../../src/core/batch.ts";
import type { HostData } from "../../src/core/tensor.ts";
import { IGNORED } from "../../src/data/token_rows.ts";
import { loadTokenizer } from "../../src/tokenizer/tokenizer.ts";

const tokenizer = await loadTokenizer(
  new URL("../../models/tiny-gpt2", import.meta.url).pathname,
);
const END = tokenizer.endOfText!;

/** Lines in WordNet's format about things that do not exist. */
const DATA = `  1 A license line.
00000001 05 n 02 mock_griffin 0 griffling 0 001 @ 00000002 n 0000 | a small winged thing; seldom seen; "it was a mock griffin"; "two"  
00000002 38 v 01 zorble 0 001 @ 00000003 v 0000 01 + 02 00 | move in wide loops  
`;

const MEANINGS: Meaning[] = Array.from({ length: 200 }, (_, at) => ({
  lemma: `word${at}`,
  kind: at % 2 ? "plant" : "animal",
  definition: `thing number ${at}`,
}));

const TEXTS = MEANINGS.map((meaning) => promptedText(meaning, "gloss"));

/** The rows of a batch as text: the inputs, and what is scored. */
function rowsOf({ inputs: { tokens }, targets }: Batch): [string, string][] {
  const [batch, length] = tokens.shape;
  return Array.from({ length: batch }, (_, row) => {
    const part = (all: HostData) => all.subarray(row * length, (row + 1) * length);
    const scored = [...part(targets.data)].filter((target) => target !== IGNORED);
    return [tokenizer.decode(part(tokens.data)), tokenizer.decode(scored)];
  });
}

Deno.test("meanings are parsed without license, relations and examples", () => {
  assertEquals(parseMeanings(DATA), [
    { lemma: "mock griffin", kind: "animal", definition: "a small winged thing; seldom seen" },
    { lemma: "zorble", kind: "motion", definition: "move in wide loops" },
  ]);
});

Deno.test("a line that is no meaning is shown", () => {
  assertThrows(() => parseMeanings("hello"), SyntaxError, 'found "hello"');
  assertThrows(() => parseMeanings("0001 99 n 01 what 0 | odd"), SyntaxError, "0001 99");
});

Deno.test("both tasks use the same meaning", () => {
  const [meaning] = parseMeanings(DATA);
  assertEquals(promptedText(meaning, "gloss"), {
    prompt: "mock griffin (animal):",
    completion: " a small winged thing; seldom seen",
  });
  assertEquals(promptedText(meaning, "kind"), {
    prompt: "a small winged thing; seldom seen is a kind of",
    completion: " animal",
  });
});

Deno.test("splits have their shares and do not depend on capitals", () => {
  const lemmas = Array.from({ length: 20_000 }, (_, at) => `lemma ${at}`);
  const share = (split: string) => lemmas.filter((each) => splitOf(each) === split).length / 20_000;
  assertAlmostEquals(share("validation"), 0.05, 0.006);
  assertAlmostEquals(share("test"), 0.10, 0.008);
  assertEquals(splitOf("Oak Tree"), splitOf("oak tree"));
});

Deno.test("every meaning is in exactly one split", () => {
  const texts = (["train", "validation", "test"] as const).flatMap((split) =>
    glossTexts(MEANINGS, split)
  );
  assertEquals(texts.map(({ prompt }) => prompt).sort(), TEXTS.map(({ prompt }) => prompt).sort());
});

Deno.test("only the completion and the end of text are scored", () => {
  const { tokens, scoredFrom } = encodePrompted(tokenizer, TEXTS[7]);
  const ids = Array.from(tokens);
  assertEquals(tokenizer.decode(ids.slice(1, scoredFrom)), "word7 (plant):");
  assertEquals(tokenizer.decode(ids.slice(scoredFrom, -1)), " thing number 7");
  assertEquals([ids[0], ids.at(-1)], [END, END]);
  assertEquals(ids.slice(1, -1), [...tokenizer.encode(TEXTS[7].prompt + TEXTS[7].completion)]);
});

Deno.test("targets are the next inputs, and the last batch keeps the shape", () => {
  const options = { examples: 5, batch: 2, length: 24, seed: 1 };
  const batches = [...promptedBatches(tokenizer, TEXTS, options)];
  assertEquals(batches.length, 3);
  for (const batch of batches) {
    assertEquals(batch.inputs.tokens.shape, [2, 24]);
    batch.targets.data.forEach((target, at) => {
      if (target !== IGNORED && (at + 1) % 24 !== 0) {
        assertEquals(batch.inputs.tokens.data[at + 1], target);
      }
    });
    for (const [input, scored] of rowsOf(batch)) {
      const text = TEXTS.find(({ prompt }) => input.includes(prompt));
      assertEquals(scored, text ? `${text.completion}<|endoftext|>` : "");
    }
  }
  const [first, , last] = batches.map(({ targets }) => countTargets(targets));
  assert(last > 0 && last < first);
});

Deno.test("a smaller sample is a part of a larger one, and every pass has all of it", () => {
  const prompts = (examples: number, epochs = 1) =>
    [...promptedBatches(tokenizer, TEXTS, { examples, epochs, batch: 4, length: 24, seed: 3 })]
      .flatMap(rowsOf).map(([input]) => input);
  const large = new Set(prompts(40));
  assertEquals(large.size, 40);
  assert(prompts(8).every((input) => large.has(input)));
  const twice = prompts(8, 2);
  assertEquals(new Set(twice.slice(0, 8)), new Set(twice.slice(8)));
  assert(String(twice.slice(0, 8)) !== String(twice.slice(8)), "the second pass has its own order");
  assertEquals(twice, prompts(8, 2));
});

Deno.test("too few examples are counted", () => {
  const options = { batch: 2, length: 24, seed: 1 };
  const sample = (examples: number, length = 24) => () =>
    promptedBatches(tokenizer, TEXTS, { ...options, examples, length });
  assertThrows(sample(201), RangeError, "found 200");
  assertThrows(sample(1, 4), RangeError, "found 0");
  assertThrows(sample(0), RangeError, "found 0");
});

Deno.test("WordNet has as many meanings and kinds as its notes say", async () => {
  const nouns = await loadMeanings("noun"), verbs = await loadMeanings("verb");
  assertEquals([nouns.length, verbs.length], [82_192, 13_789]);
  assertEquals(new Set(nouns.map(({ kind }) => kind)).size, 26);
  assertEquals(new Set(verbs.map(({ kind }) => kind)).size, 15);
  assert([...nouns, ...verbs].every(({ definition }) => definition.length > 1));
  assertStrictEquals(await loadMeanings("noun"), nouns, "the file is read once");
});

Deno.test("batches of a real task can be had for either part of speech", async () => {
  for (const part of ["noun", "verb"] as const) {
    const options = { examples: 6, batch: 3, length: 48, seed: 1, part, task: "kind" } as const;
    const batches = [...await glossBatches(tokenizer, { ...options, split: "test" })];
    assertEquals(batches.map(({ inputs }) => inputs.tokens.shape), [[3, 48], [3, 48]]);
  }
  const many = { examples: 1e6, batch: 1, length: 48, seed: 1, split: "test" } as const;
  await assertRejects(() => glossBatches(tokenizer, many), RangeError, "sampling 1000000");
});
