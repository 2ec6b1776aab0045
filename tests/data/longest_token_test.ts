/** The bytes that a token stands for at most. */

import { assert, assertEquals } from "@std/assert";
import fc from "npm:fast-check@4.10.2";
import { readJson } from "../../src/core/files.ts";
import { loadTokenizer, makeTokenizer } from "../../src/tokenizer/mod.ts";
import { rootPath } from "../support/source_files.ts";

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
