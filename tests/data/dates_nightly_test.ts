/** The small base learns to write dates. */

import { assert, assertEquals } from "@std/assert";
import {
  complete,
  injectLora,
  loadModel,
  loadTokenizer,
  openDevice,
  promptedBatches,
  train,
} from "../../mod.ts";
import { dateTexts } from "../../src/data/mod.ts";
import { rootPath } from "../../scripts/support/source_files.ts";

const folder = `${rootPath}models/tiny-gpt2`;

Deno.test("the small base learns to write dates of years that it never saw", async () => {
  const tokenizer = await loadTokenizer(folder);
  using device = await openDevice({ kind: "cpu" });
  using model = await loadModel(device, folder);
  const unseen = dateTexts({ split: "validation", examples: 64, seed: 1 });
  const countRight = async () => {
    let right = 0;
    for (const { prompt, completion } of unseen) {
      const answer = await complete(model, tokenizer, prompt, { maxNewTokens: 16 });
      right += Number(answer === completion);
    }
    return right;
  };
  assertEquals(await countRight(), 0);
  using adapter = injectLora(model, { rank: 8, alpha: 16, sites: "all", seed: 1 });
  const examples = dateTexts({ split: "train", examples: 4000, seed: 1 });
  const batches = promptedBatches(tokenizer, examples, { batch: 32, seed: 1 });
  const recipe = { learningRate: 1e-2, schedule: "linear", warmupSteps: 10, clipNorm: 1 } as const;
  for await (const { step } of train(adapter, batches, { ...recipe, steps: 200, seed: 1 })) {
    if (step === 150) break; // the rest of the notebooks' recipe only takes time
  }
  const right = await countRight();
  // Who copies the year and guesses the day has 3 of 64 right less than once in a thousand times.
  assert(right >= 3, `${right} of 64`);
});
