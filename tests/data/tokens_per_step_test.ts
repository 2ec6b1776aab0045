/** Steps of so many tokens, passes of like length, and what is held out in large batches. */

import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import {
  evaluationBatches,
  promptedBatches,
  textDataset,
  type TextDatasetOptions,
  type Texts,
} from "../../src/data/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { type Batch, evaluate } from "../../src/train/mod.ts";

const tokenizer = await loadTokenizer("models/tiny-gpt2"), positions = 64;

const of = { description: "", digest: "" };
const words = (sizes: readonly number[]) => sizes.map((size) => "ship ".repeat(size).trim());
const plain = (sizes: readonly number[]): Texts => ({ kind: "plain", rows: words(sizes), ...of });
const labeled = (sizes: readonly number[]): Texts => ({
  kind: "labeled",
  labels: ["x", "y"],
  rows: words(sizes).map((text, i) => ({ text, label: i % 2 })),
  ...of,
});
const kinds = { plain, labeled };

const dataset = (texts: Texts, options: TextDatasetOptions) =>
  textDataset({ positions }, tokenizer, texts, options);

const tokensIn = ({ inputs: { tokens } }: Batch) => tokens.data.length;

/** Tokens of each row that are not padding, in order of size: of texts of different lengths, which they are. */
function lengthsIn(batches: readonly Batch[]): number[] {
  return batches.flatMap(({ inputs: { tokens } }) => {
    const [rows, time] = tokens.shape;
    return Array.from({ length: rows }, (_, row) => {
      const own = tokens.data.subarray(row * time, (row + 1) * time);
      return own.findLastIndex((token) => token !== tokenizer.endOfText) + 1;
    });
  }).sort((a, b) => a - b);
}

const sizes = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 60 });

Deno.test("a step has at most so many tokens, padding counted, and every text comes once", () => {
  const one = (texts: Texts) => dataset(texts, { validation: 0, batch: 1 }).train;
  fc.assert(
    fc.property(
      sizes,
      fc.constantFrom(...Object.values(kinds)),
      fc.integer({ min: 64, max: 400 }),
      fc.constantFrom("random" as const, "like-length" as const),
      (sizes, textsOf, tokensPerStep, order) => {
        const texts = textsOf(sizes),
          { train } = dataset(texts, { validation: 0, tokensPerStep, order });
        for (const batch of train) assert(tokensIn(batch) <= tokensPerStep);
        assertEquals(lengthsIn(train), lengthsIn(one(texts)));
      },
    ),
    { numRuns: 40 },
  );
});

const someSizes = Array.from({ length: 200 }, (_, i) => 1 + (i * 7) % 25), some = plain(someSizes);

Deno.test("steps are filled: half as many tokens make twice as many of them", () => {
  const counts = [120, 240, 480].map((tokensPerStep) => {
    const { train, notes } = dataset(some, { validation: 0, tokensPerStep });
    const rows = train.map(({ inputs }) => inputs.tokens.shape[0]);
    const span = `${Math.min(...rows)} to ${Math.max(...rows)}`;
    assertEquals(notes.at(-1), `a pass has ${train.length} steps of ${span} texts`);
    return train.length;
  });
  const all = dataset(some, { validation: 0, batch: 1 }).train.reduce(
    (n, one) => n + tokensIn(one),
    0,
  );
  // A step has room left for less than one more row of its length, and a window of them ends with one that is cut off.
  counts.forEach((count, i) => {
    const least = all / (120 * 2 ** i);
    assert(count >= least && count < 1.4 * least + 4, `${count} steps, at least ${least}`);
  });
});

Deno.test("a step that is too small, or is said twice, is refused in a sentence", () => {
  const refuse = (options: TextDatasetOptions, sentence: string) =>
    assertThrows(() => dataset(plain([20, 3]), options), RangeError, sentence);
  refuse({ tokensPerStep: 9, validation: 0 }, "a step needs room for the longest text, ");
  refuse({ tokensPerStep: 9, validation: 0 }, " tokens, found room for 9");
  refuse({ tokensPerStep: 64, batch: 2 }, "takes batch or tokensPerStep, found both: 2 and 64");
  refuse({ tokensPerStep: 1.5 }, "tokensPerStep must be an integer of at least 1, found 1.5");
  refuse({ heldOutBatch: 0 }, "an integer batch of at least 1, found 0");
  refuse({ order: "sorted" as "random" }, "must be like-length or random, found");
});

Deno.test("held-out texts are in batches of no more tokens than a step has, and their loss is the same", async () => {
  using device = new ReferenceDevice();
  const shape = { vocab_size: 1024, n_positions: positions, n_embd: 8, n_layer: 1, n_head: 2 };
  using model = initGpt2(device, parseGpt2Config(shape), { seed: 1 });
  const held = plain(Array.from({ length: 30 }, (_, i) => 1 + i % 24));
  const before = dataset(some, { validation: held, batch: 4, order: "random", heldOutBatch: 4 });
  const old = await evaluate(model, before.validation);
  assertEquals(before.validation.length, 8);
  for (const options of [{ batch: 4 }, { tokensPerStep: 200 }, { batch: 1 }]) {
    const { train, validation } = dataset(some, { validation: held, ...options });
    const most = Math.max(...train.map(tokensIn)),
      { loss, counted } = await evaluate(model, validation);
    for (const batch of validation) {
      assert(tokensIn(batch) <= most, `${tokensIn(batch)} of ${most}`);
    }
    assertEquals(lengthsIn(validation), lengthsIn(before.validation));
    assertEquals(counted, old.counted);
    assertAlmostEquals(loss, old.loss, 1e-12); // float64
  }
  const [all, ofEight] = [{}, { batch: 8 }].map((options) =>
    evaluationBatches(model, tokenizer, plain(someSizes.slice(0, 64)), options).batches
  );
  assert(Math.max(...all.map(tokensIn)) <= Math.max(...ofEight.map(tokensIn)));
  assert(all.length < ofEight.length);
  const [larger, eight] = [await evaluate(model, all), await evaluate(model, ofEight)];
  assertEquals(larger.counted, eight.counted);
  assertAlmostEquals(larger.loss, eight.loss, 1e-12);
});

Deno.test("what is measured is named as what is trained on is: long texts, none, an encoder, options", () => {
  const model = { positions: 16 }, long = plain([3, 99]);
  const { notes, batches } = evaluationBatches(model, tokenizer, long);
  assertEquals(notes, ["1 text is longer than the model's 16 tokens: continued in further rows"]);
  assertEquals(notes[0], textDataset(model, tokenizer, long, { validation: 0 }).notes[1]);
  assert(batches.every(({ inputs }) => inputs.tokens.shape[1] <= 16));
  const refuse = (make: () => unknown, sentence: string) =>
    assertThrows(make, RangeError, sentence);
  const rows = [{ prompt: "Q", completion: "word ".repeat(99) }];
  const tooLong: Texts = { kind: "prompted", rows, ...of };
  refuse(
    () => evaluationBatches(model, tokenizer, tooLong),
    "evaluating needs a text of at most 16 tokens, found none",
  );
  refuse(
    () => evaluationBatches({ positions, isCausal: false }, tokenizer, long),
    "must predict the next token, found an encoder",
  );
  refuse(() => evaluationBatches(model, tokenizer, long, { batch: 0 }), "found 0");
  assertThrows(
    () => evaluationBatches(model, tokenizer, "mine.txt" as unknown as Texts),
    TypeError,
    "evaluationBatches needs texts, as in evaluationBatches(model, tokenizer, await readTexts(file))",
  );
});

Deno.test("every pass of prompted texts of like length has all of them, in other batches, the same each time", () => {
  const texts = Array.from({ length: 70 }, (_, i) => ({
    prompt: "boat:",
    completion: " ship".repeat(1 + (i * 7) % 25),
  }));
  const options = { batch: 4, epochs: 2, seed: 3 } as const;
  const batches = [...promptedBatches(tokenizer, texts, { ...options, order: "like-length" })];
  const drawn = [...promptedBatches(tokenizer, texts, { ...options, epochs: 1 })];
  const scored = (some: readonly Batch[]) =>
    some.flatMap(({ targets }) => [...targets.data].filter((label) => label >= 0)).length;
  const passes = [batches.slice(0, 18), batches.slice(18)];
  for (const pass of passes) {
    assertEquals(scored(pass), scored(drawn));
    assertEquals(pass.length, 18);
    assert(pass.every(({ inputs }) => inputs.tokens.shape[0] === 4));
  }
  const shapes = passes.map((pass) => `${pass.map(({ targets }) => targets.shape[1])}`);
  assert(shapes[0] !== shapes[1]);
  assertEquals(
    [...promptedBatches(tokenizer, texts, { ...options, order: "like-length" })],
    batches,
  );
  const [like, random] = [passes[0], drawn].map((some) =>
    some.reduce((n, one) => n + tokensIn(one), 0)
  );
  assert(like < 0.8 * random, `${like} and ${random} tokens`);
});
