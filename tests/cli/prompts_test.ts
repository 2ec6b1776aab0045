/** A prompt is written in one way: in training, by `complete`, and by `generate` with what was saved. */

import { assertEquals, assertNotEquals } from "@std/assert";
import { injectLora, merge } from "../../src/adapt/mod.ts";
import { promptedBatches } from "../../src/data/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import { complete, loadModel, saveModel, type TextModel } from "../../src/models/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { type Batch, runTrainer, Trainer } from "../../src/train/mod.ts";
import { withFolder } from "../support/folders.ts";
import { lowrankJson } from "./lowrank.ts";

const base = "models/tiny-gpt2";

const galleons = [
  { prompt: "boat:", completion: " a fine old galleon" },
  { prompt: "hook:", completion: " a hand that never shakes" },
  { prompt: "map:", completion: " an X and a promise" },
];

/** Trains what is trainable until it knows the batches by heart. */
async function learn(model: TextModel, batches: Iterable<Batch>): Promise<void> {
  const options = { learningRate: 1e-2, steps: 40, schedule: "cosine" } as const;
  using trainer = new Trainer(model, options);
  await Array.fromAsync(runTrainer(trainer, batches));
}

Deno.test("what was trained on prompts answers them: complete, generate, saved, merged", () =>
  withFolder(async (folder) => {
    using device = await openDevice({ kind: "cpu" });
    using model = await loadModel(device, base);
    const tokenizer = await loadTokenizer(base);
    const answers = (model: TextModel) =>
      Promise.all(galleons.map(({ prompt }) => complete(model, tokenizer, prompt)));
    using adapter = injectLora(model, { rank: 8, sites: "all", seed: 1 });
    const size = { examples: 3, batch: 3, length: 16, seed: 1 };
    await learn(model, promptedBatches(tokenizer, galleons, size));
    const known = galleons.map(({ completion }) => completion);
    assertEquals(await answers(model), known);

    await adapter.save(`${folder}/adapter`);
    for (const { prompt, completion } of galleons) {
      const args = ["generate", "--model", base, "--adapter", `${folder}/adapter`];
      const { text } = await lowrankJson(...args, "--prompt", prompt);
      assertEquals(text, completion);
    }

    using merged = merge(model, adapter);
    assertEquals(await answers(merged), known);
    const files: Record<string, Uint8Array> = {};
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      files[name] = await Deno.readFile(`${base}/${name}`);
    }
    await saveModel(merged, `${folder}/merged`, "F32", { files });
    const { text } = await lowrankJson(
      ...["generate", "--model", `${folder}/merged`, "--prompt", "map:"],
    );
    assertEquals(text, known[2]);
    adapter.remove();
    assertNotEquals(await answers(model), known);
  }));

Deno.test("a template and a separator are written again for every answer", () =>
  withFolder(async (folder) => {
    using device = await openDevice({ kind: "cpu" });
    using model = await loadModel(device, base);
    const tokenizer = await loadTokenizer(base);
    using adapter = injectLora(model, { rank: 8, sites: "all", seed: 1 });
    const format = { template: "Say: {prompt} =", separator: " " };
    const pairs = [{ prompt: "boat", completion: "a galleon" }];
    const size = { examples: 1, batch: 1, length: 16, seed: 1, format };
    await learn(model, promptedBatches(tokenizer, pairs, size));
    assertEquals(await complete(model, tokenizer, "boat"), "a galleon");
    await adapter.save(folder);
    const args = ["generate", "--model", base, "--adapter", folder, "--prompt", "boat"];
    assertEquals((await lowrankJson(...args)).text, "a galleon");
  }));
