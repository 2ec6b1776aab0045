/** The bytes that a token stands for at most. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { answerTo } from "../../src/cli/commands/generate.ts";
import { readJson } from "../../src/storage/files.ts";
import { promptedBatches, textDataset } from "../../src/data/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { complete, loadModel } from "../../src/models/mod.ts";
import { loadTokenizer, makeTokenizer, type Tokenizer } from "../../src/tokenizer/mod.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

const folder = `${rootPath}models/tiny-gpt2`;

Deno.test("a text has no more bytes than its tokens may stand for", async () => {
  const tokenizer = await loadTokenizer(folder), { longestToken } = tokenizer;
  assert(longestToken < 20, `${longestToken}`);
  const part = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.constantFrom("<|endoftext|>", " the", "\n"),
  );
  fc.assert(
    fc.property(fc.array(part), (parts) => {
      const text = parts.join(""), bytes = new TextEncoder().encode(text).length;
      assert(bytes <= longestToken * tokenizer.encode(text).length);
    }),
    { seed: 1, numRuns: 500 },
  );
});

Deno.test("where steps take out parts of a text, a token may stand for any number of bytes", async () => {
  // deno-lint-ignore no-explicit-any -- a file of JSON
  const file = await readJson(`${folder}/tokenizer.json`) as any;
  const longest = async (change: object, config: object = {}) =>
    (await makeTokenizer({ ...file, ...change }, config)).longestToken;
  const split = { type: "Split", pattern: { String: " " }, behavior: "Removed" };
  const steps = (...pretokenizers: object[]) => ({
    pre_tokenizer: { type: "Sequence", pretokenizers },
  });
  const own = file.pre_tokenizer, [token] = file.added_tokens;
  assertEquals(await longest(steps({ ...split, behavior: "Isolated" }, own)), await longest({}));
  for (
    const change of [
      { normalizer: { type: "Lowercase" } },
      { pre_tokenizer: { type: "WhitespaceSplit" } },
      steps(split, own),
      steps({ ...split, behavior: "Isolated", invert: true }, own),
      { added_tokens: [{ ...token, lstrip: true }] },
    ]
  ) assertEquals(await longest(change), Infinity, JSON.stringify(change));
  assertEquals(await longest({}, { remove_space: true }), Infinity);
  assertEquals((await loadTokenizer(`${rootPath}models/tiny-roberta`)).longestToken, Infinity);
});

Deno.test("a text that is far too long is refused or left out without being encoded", async () => {
  const own = await loadTokenizer(folder), long = "the ".repeat(2 ** 16);
  const tokenizer: Tokenizer = {
    ...own,
    encode(text) {
      assert(text.length < 1000, `${text.length} characters were encoded`);
      return own.encode(text);
    },
  };
  using device = await openCpuDevice({ threads: 1 });
  using model = await loadModel(device, folder);
  const sentence = "a prompt must have at most 64 tokens, found at least ";
  await assertRejects(() => complete(model, tokenizer, long), RangeError, sentence);
  await assertRejects(() => answerTo(long, model, tokenizer, { seed: 0 }), RangeError, sentence);
  const short = { prompt: "a", completion: "b" },
    rows = [
      { prompt: long, completion: "b" },
      { prompt: "a", completion: long },
      short,
    ];
  const texts = { kind: "prompted", description: "", digest: "" } as const;
  const { notes } = textDataset(model, tokenizer, { ...texts, rows }, { validation: 0 });
  assertEquals(notes[1], "2 texts are longer than the model's 64 tokens: left out");
  const none = () => textDataset(model, tokenizer, { ...texts, rows: rows.slice(0, 2) });
  assertThrows(none, RangeError, "training needs a text of at most 64 tokens, found none");
  assertEquals(promptedBatches(tokenizer, rows, { length: 64 }).leftOut, 2);
});
