/** Prompts that are continued together are continued as each is alone. */

import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { injectPrefixLayer } from "../../src/adapt/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { continueGreedily } from "../../src/models/generate/greedy_batch.ts";
import {
  generate,
  loadModel,
  outputsOf,
  sampleTogether,
  type TextModel,
} from "../../src/models/mod.ts";
import { coreDevices, testOn } from "../support/devices.ts";
import { golden } from "../support/golden.ts";

const prompts = [[5], [3, 9, 2, 7], [8, 1]], maxNewTokens = 6;

/** Tokens of `generate`, one prompt at a time. */
const alone = (model: TextModel, stopToken?: number) =>
  Promise.all(
    prompts.map((prompt) => Array.fromAsync(generate(model, prompt, { maxNewTokens, stopToken }))),
  );

await testOn(
  coreDevices,
  ["gpt2_tiny", "families/llama"].map((name) => ({
    name: `${name}: together as alone, with and without virtual tokens and a last token`,
    async run(device) {
      using model = await loadModel(device, golden(name));
      const live = device.ledger.read().live, wanted = await alone(model);
      assertEquals(await continueGreedily(model, prompts, { maxNewTokens }), wanted);
      const stopToken = wanted[1][2], stopped = await alone(model, stopToken);
      assertEquals(await continueGreedily(model, prompts, { maxNewTokens, stopToken }), stopped);
      assertEquals(device.ledger.read().live, live);
      using _ = injectPrefixLayer(model, { length: 3, seed: 1 });
      assertEquals(await continueGreedily(model, prompts, { maxNewTokens }), await alone(model));
    },
  })),
);

Deno.test("at temperature 0, or among one token, samples are the most likely continuations", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  const wanted = await continueGreedily(model, prompts, { maxNewTokens });
  for (const options of [{ temperature: 0 }, { topK: 1, seed: 7 }]) {
    assertEquals(await sampleTogether(model, prompts, { maxNewTokens, ...options }), wanted);
  }
});

Deno.test("samples have the model's probabilities, and a seed gives the same", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  const prompt = [3, 9, 2], count = 400, many = new Array(count).fill(prompt);
  const sample = (seed: number) => sampleTogether(model, many, { maxNewTokens: 1, seed });
  const sampled = await sample(1), data = Uint32Array.from(prompt);
  const outputs = await outputsOf(model, { tokens: { shape: [1, 3], data } });
  const weights = Array.from(outputs.data.slice(2 * outputs.shape[1]), Math.exp);
  const total = weights.reduce((a, b) => a + b);
  weights.forEach((weight, token) => {
    const share = weight / total, found = sampled.filter(([one]) => one === token).length / count;
    assert(Math.abs(found - share) < 4.5 * Math.sqrt(share * (1 - share) / count), `${token}`);
  });
  assertEquals(await sample(1), sampled);
  assertNotEquals(await sample(2), sampled);
});

Deno.test("an option of sampling that does not exist, or is out of range, is refused", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  const sample = (options: object) => sampleTogether(model, prompts, { maxNewTokens, ...options });
  await assertRejects(() => sample({ temprature: 1 }), TypeError, "temprature");
  await assertRejects(() => sample({ temperature: -1 }), RangeError, "found -1");
  await assertRejects(() => sample({ topK: 0 }), RangeError, "topK");
});

Deno.test("no prompt, an empty one, and one without room for its continuation are refused", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  const refuse = (given: number[][], message: string) =>
    assertRejects(() => continueGreedily(model, given, { maxNewTokens }), RangeError, message);
  await refuse([], "at least 1 prompt, found none");
  await refuse([[1], []], "a prompt of at least one token");
  await refuse([[1], new Array(model.positions).fill(1)], "maxNewTokens must be at most 0");
});
