/** `lowrank generate` with a tokenizer and a model that are made here. */

import { assert, assertEquals } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import { initGpt2, parseGpt2Config, saveModel } from "../../src/models/mod.ts";
import { saveTokenizer, trainBytePairs } from "../../src/tokenizer/mod.ts";
import { withFolder } from "../support/folders.ts";
import { assertFails, lowrank, lowrankJson } from "./lowrank.ts";

/** A model that babbles, and an adapter that changes what. */
async function writeBabbler(folder: string): Promise<void> {
  const text = "the cat sat on the mat and the dog sat on the log ";
  await saveTokenizer(folder, trainBytePairs([text], { vocabularySize: 270 }));
  using device = await openDevice({ kind: "cpu" });
  const config = { vocab_size: 270, n_positions: 32, n_embd: 16, n_layer: 1, n_head: 2 };
  using model = initGpt2(device, parseGpt2Config(config), { seed: 1 });
  await saveModel(model, folder);
  using adapter = injectLora(model, { rank: 2, sites: "all", seed: 1 });
  for (const { B } of adapter.sites) device.write(B.tensor, new Float32Array(B.size).fill(0.5));
  await adapter.save(`${folder}/adapter`);
}

const prompt = ["--prompt", "the cat"];

Deno.test("generate is repeatable, and an adapter changes the result", () =>
  withFolder(async (folder) => {
    await writeBabbler(folder);
    const args = ["generate", "--model", folder, ...prompt, "--max-new-tokens", "6"];
    const greedy = await lowrankJson(...args);
    assertEquals(greedy.prompt, "the cat");
    assertEquals(greedy.tokens.length, 6);
    assertEquals(await lowrankJson(...args, "--beams", "1"), greedy);
    const adapted = await lowrankJson(...args, "--adapter", `${folder}/adapter`);
    assert(adapted.text !== greedy.text);
    const sampled = [...args, "--temperature", "1", "--top-k", "40", "--seed", "3"];
    assertEquals(await lowrankJson(...sampled), await lowrankJson(...sampled));
    const { stdout } = await lowrank(...args);
    assertEquals(stdout, `the cat${greedy.text}\n`);
  }));

Deno.test("generate refuses options that it cannot honor", () =>
  withFolder(async (folder) => {
    await writeBabbler(folder);
    const args = ["generate", "--model", folder];
    await assertFails(args, "required option '--prompt <text>' not specified");
    await assertFails([...args, "--prompt", ""], "a prompt of at least one token");
    await assertFails(
      [...args, ...prompt, "--max-new-tokens", "31"],
      "prompt and continuation hold at most 32 tokens, found 34",
    );
    await assertFails([...args, ...prompt, "--max-new-tokens", "0"], "of at least 1");
    await assertFails([...args, ...prompt, "--temperature", "-1"], "0 or more");
    await assertFails([...args, ...prompt, "--beams", "2", "--temperature", "1"], "--temperature");
    await assertFails(
      [...args, ...prompt, "--beams", "2", "--top-k", "5"],
      "--beams does not sample",
    );
    await assertFails(
      [...args, ...prompt, "--top-k", "5"],
      "--top-k needs a --temperature above 0",
    );
    await Deno.remove(`${folder}/tokenizer.json`);
    await assertFails([...args, ...prompt], "tokenizer.json: it does not exist");
  }));
