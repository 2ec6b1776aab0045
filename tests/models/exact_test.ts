/** The share of texts that are answered exactly is that of greedy continuations. */

import { assertEquals } from "@std/assert";
import { packBatches, type TokenRow } from "../../src/data/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import { continueGreedily } from "../../src/models/generate/greedy_batch.ts";
import { exactOn, loadModel, rightAnswersOn } from "../../src/models/mod.ts";
import { golden } from "../support/golden.ts";

const prompts = [[5], [3, 9, 2, 7], [8, 1], [4, 4, 4], [6, 2]];

Deno.test("a text counts if all of its answer is what greedy continuation gives", async () => {
  using device = await openDevice({ kind: "cpu" });
  using model = await loadModel(device, golden("gpt2_tiny"));
  const answers = await continueGreedily(model, prompts, { maxNewTokens: 4 });
  /** The answers to `wrong` of the prompts have another token in the place `at`. */
  const exact = async (wrong: readonly number[], at: number) => {
    const rows = prompts.map((prompt, i): TokenRow => {
      const answer = answers[i].map((token, place) =>
        wrong.includes(i) && place === at ? (token + 1) % 16 : token
      );
      return { tokens: [...prompt, ...answer], scoredFrom: prompt.length };
    });
    // Batches of 2: the last has a row without targets, which is no text.
    const batches = [...packBatches(rows, { batch: 2, length: 8 }, 0)];
    // Two tokens' outputs at a time, in place of a whole batch's.
    const { right, texts } = await rightAnswersOn(model, batches, { mostOutputs: 2 * 16 });
    assertEquals([texts, right / texts], [5, await exactOn(model, batches)]);
    return right / texts;
  };
  assertEquals(await exact([], 0), 1);
  for (const at of [0, 2, 3]) assertEquals(await exact([1, 4], at), 0.6);
  assertEquals(await exact([0, 1, 2, 3, 4], 3), 0);
});
