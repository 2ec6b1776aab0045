/** `lowrank generate` stops at the end of text, whichever file of the folder names it. */

import { assertEquals } from "@std/assert";
import { promptedBatches } from "../../src/data/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import { initGpt2, parseGpt2Config, saveModel } from "../../src/models/mod.ts";
import { loadTokenizer, saveTokenizer, trainBytePairs } from "../../src/tokenizer/mod.ts";
import { withFolder } from "../support/folders.ts";
import { lowrankJson } from "./lowrank.ts";

/** A folder as GPT-2's: `tokenizer_config.json` names no token. */
async function writeFolder(folder: string, eos_token_id: number): Promise<void> {
  await saveTokenizer(folder, trainBytePairs(["the cat sat"], { vocabularySize: 262 }));
  await Deno.writeTextFile(`${folder}/tokenizer_config.json`, '{"model_max_length":1024}');
  using device = await openDevice({ kind: "cpu" });
  const sizes = { vocab_size: 262, n_positions: 16, n_embd: 16, n_layer: 1, n_head: 2 };
  using model = initGpt2(device, parseGpt2Config(sizes), { seed: 1 });
  await saveModel(model, folder, "F32", { config: { eos_token_id } });
}

Deno.test("where config.json alone names the end of text, generate stops there and batches end with it", () =>
  withFolder(async (folder) => {
    const args = ["generate", "--model", folder, "--prompt", "the cat", "--max-new-tokens", "6"];
    await writeFolder(folder, 261);
    const { tokens: free } = await lowrankJson(...args);
    assertEquals(free.length, 6);
    const end = free[2];
    await writeFolder(folder, end);
    for (const beams of [[], ["--beams", "1"]]) {
      const { tokens } = await lowrankJson(...args, ...beams);
      assertEquals(tokens, free.slice(0, free.indexOf(end) + 1));
    }
    const pair = [{ prompt: "the", completion: " cat" }];
    const options = { examples: 1, batch: 1, length: 12, seed: 0 };
    const [{ targets }] = promptedBatches(await loadTokenizer(folder), pair, options);
    assertEquals(targets.data.filter((id) => id >= 0).at(-1), end);
  }));
