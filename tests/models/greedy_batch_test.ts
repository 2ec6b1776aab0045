/** Prompts that are continued together are continued as each is alone. */

import { assertEquals, assertRejects } from "@std/assert";
import { injectPrefixLayer } from "../../src/adapt/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { continueGreedily } from "../../src/models/generate/greedy_batch.ts";
import { generate, loadModel, type TextModel } from "../../src/models/mod.ts";
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

Deno.test("no prompt, an empty one, and one without room for its continuation are refused", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  const refuse = (given: number[][], message: string) =>
    assertRejects(() => continueGreedily(model, given, { maxNewTokens }), RangeError, message);
  await refuse([], "at least 1 prompt, found none");
  await refuse([[1], []], "a prompt of at least one token");
  await refuse([[1], new Array(model.positions).fill(1)], "maxNewTokens must be at most 0");
});
