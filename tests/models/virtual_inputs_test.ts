/** Positions, token types, masks and caches of inputs with virtual tokens. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { injectPrefixEmbedding } from "../../src/adapt/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import type { ModelInputs } from "../../src/core/batch.ts";
import { type HostTensor, hostTensor } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { loadModel, outputsOf, type TextModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden } from "../support/golden.ts";

const seed = 8, length = 2;

/** The words whose embeddings virtual tokens have at first. */
function wordsOf({ vocabulary }: TextModel): number[] {
  const random = new Random(seed);
  return Array.from({ length }, () => random.integer(vocabulary));
}

const row = (...values: number[]): HostTensor =>
  hostTensor([1, values.length], Uint32Array.from(values));

/**
 * Outputs of a model with virtual tokens, and those of the base where words stand in their place: all its outputs
 * behind the words, or those of some rows.
 */
async function compare(
  name: string,
  given: ModelInputs,
  spelled: (words: number[]) => ModelInputs,
  rows?: number[],
) {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden(name));
  const wanted = await outputsOf(model, spelled(wordsOf(model)), { rows });
  using _ = injectPrefixEmbedding(model, { length, seed });
  const found = await outputsOf(model, given), skipped = wanted.data.length - found.data.length;
  assertAllClose(found.data, wanted.data.subarray(skipped), { relative: 1e-10, absolute: 1e-10 });
}

Deno.test("given positions are moved behind the virtual tokens, which stand before the first", () =>
  compare(
    "gpt2_tiny",
    { tokens: row(5, 9, 7), positionIds: row(4, 5, 9) },
    (words) => ({ tokens: row(...words, 5, 9, 7), positionIds: row(4, 5, 6, 7, 11) }),
  ));

Deno.test("virtual tokens are of type 0", async () => {
  await compare(
    "families/bert_masked",
    { tokens: row(5, 9, 7), tokenTypeIds: row(0, 1, 1) },
    (words) => ({ tokens: row(...words, 5, 9, 7), tokenTypeIds: row(0, 0, 0, 1, 1) }),
  );
  await compare(
    "gpt2_tiny",
    { tokens: row(5, 9, 7), tokenTypeIds: row(3, 4, 4) },
    (words) => ({ tokens: row(...words, 5, 9, 7), tokenTypeIds: row(0, 0, 3, 4, 4) }),
  );
});

Deno.test("virtual tokens stand before each of several packed sequences", async () => {
  const rows = [2, 3, 6, 7, 8], lengths = [2, 3];
  await compare(
    "families/bert_masked",
    { tokens: row(5, 9, 7, 8, 6), lengths, tokenTypeIds: row(0, 1, 1, 0, 1) },
    (words) => ({
      tokens: row(...words, 5, 9, ...words, 7, 8, 6),
      lengths: [4, 5],
      tokenTypeIds: row(0, 0, 0, 1, 0, 0, 1, 0, 1),
    }),
    rows,
  );
  await compare(
    "gpt2_tiny",
    { tokens: row(5, 9, 7, 8, 6), lengths, positionIds: row(0, 4, 3, 5, 6) },
    (words) => ({
      tokens: row(...words, 5, 9, ...words, 7, 8, 6),
      lengths: [4, 5],
      positionIds: row(0, 1, 2, 6, 3, 4, 5, 7, 8),
    }),
    rows,
  );
});

Deno.test("a decoder's classifier reads the last token that is not padding", () =>
  compare(
    "families/llama_classifier",
    { tokens: row(5, 9, 0, 0) },
    (words) => ({ tokens: row(...words, 5, 9, 0, 0) }),
  ));

Deno.test("a cache holds virtual tokens once, and masks and positions of later passes count on", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  using _ = injectPrefixEmbedding(model, { length, seed });
  const mask = row(0, 1, 1, 1, 1), whole = { tokens: row(0, 9, 7, 3, 8), attentionMask: mask };
  const wanted = await outputsOf(model, whole);
  using cache = model.openCache(1, 5);
  const parts: number[] = [];
  for (const [start, end] of [[0, 2], [2, 3], [3, 5]]) {
    const cut = ({ data }: HostTensor, from: number) => row(...data.subarray(from, end));
    const given = {
      tokens: cut(whole.tokens, start),
      attentionMask: cut(mask, 0),
      positionIds: row(...Array.from({ length: end - start }, (_, i) => start + i)),
    };
    using tape = new Tape(device, { record: false });
    parts.push(...(await device.read(model.forward(tape, given, { cache })))[0].data);
  }
  assertEquals(cache.length, 7);
  const { vocabulary } = model; // Nothing is said of hidden tokens' own outputs.
  const seen = (values: ArrayLike<number>) => Array.from(values).slice(vocabulary);
  assertAllClose(seen(parts), seen(wanted.data), { relative: 1e-10, absolute: 1e-10 });
  using tape = new Tape(device, { record: false });
  const more = { tokens: row(...new Uint32Array(30)) };
  assertThrows(
    () => model.forward(tape, more, { cache }),
    RangeError,
    "a sequence holds at most 30 tokens beside 2 virtual tokens, found 35",
  );
});

Deno.test("a sequence cannot begin with tokens on the device where virtual ones stand before it", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  using _ = injectPrefixEmbedding(model, { length });
  using tokens = device.allocate([1, 2], "u32", "activation", "chosen tokens");
  await assertRejects(
    async () => {
      using tape = new Tape(device, { record: false });
      await device.read(model.forward(tape, { tokens }));
    },
    TypeError,
    "a sequence that begins with virtual tokens needs its tokens on the host, found chosen tokens",
  );
});
