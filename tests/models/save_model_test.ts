/** A model is saved as a whole, and its weights know their configuration. */

import { assertEquals, assertRejects } from "@std/assert";
import { readJson } from "../../src/core/files.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { initGpt2, loadModel, parseGpt2Config, saveModel } from "../../src/models/mod.ts";
import { filesIn, withFolder } from "../support/folders.ts";

const config = parseGpt2Config({ vocab_size: 7, n_positions: 5, n_embd: 6, n_layer: 1, n_head: 2 });

const sentence = "config.json must be the one that the weights were saved with, found another";

/** Changes fields of a saved configuration. */
async function edit(folder: string, fields: Record<string, unknown>): Promise<void> {
  const json = await readJson(`${folder}/config.json`) as Record<string, unknown>;
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ ...json, ...fields }));
}

Deno.test("a model with the configuration of another one of its size is refused", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 1 });
  using other = initGpt2(device, { ...config, n_head: 3 }, { seed: 1 });
  const { live } = device.ledger.read();
  await withFolder(async (folder) => {
    await saveModel(model, `${folder}/one`);
    await saveModel(other, `${folder}/two`);
    await Deno.copyFile(`${folder}/one/config.json`, `${folder}/two/config.json`);
    await assertRejects(() => loadModel(device, `${folder}/two`), RangeError, sentence);
  });
  assertEquals(device.ledger.read().live, live);
});

Deno.test("ids of tokens may be edited by hand, what is computed may not", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 1 });
  await withFolder(async (folder) => {
    await saveModel(model, folder);
    await edit(folder, {
      bos_token_id: 1,
      eos_token_id: [2],
      _name_or_path: "x",
      resid_pdrop: 0.1,
    });
    using _ = await loadModel(device, folder);
    await edit(folder, { layer_norm_epsilon: 1e-6 });
    await assertRejects(() => loadModel(device, folder), RangeError, sentence);
  });
});

Deno.test("what is saved along with a model is saved in the same step", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 1 });
  await withFolder(async (folder) => {
    const files = { "tokenizer.json": Uint8Array.of(123, 125) };
    await saveModel(model, folder, "F16", { config: { eos_token_id: 3 }, files });
    assertEquals(filesIn(folder), ["config.json", "model.safetensors", "tokenizer.json"]);
    const saved = await readJson(`${folder}/config.json`) as Record<string, unknown>;
    assertEquals([saved.eos_token_id, saved.torch_dtype, saved.n_embd], [3, "float16", 6]);
    using loaded = await loadModel(device, folder);
    assertEquals(loaded.configJson().eos_token_id, 3);
  });
});

Deno.test("weights that are not finite in the file's type leave the old model", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 1 });
  await withFolder(async (folder) => {
    await saveModel(model, folder, "F16");
    const before = await readSafetensors(folder);
    const { tensor, size } = model.parameters.get("transformer.ln_f.bias")!;
    device.write(tensor, new Float32Array(size).fill(70000));
    const found = 'the values of "transformer.ln_f.bias" must be finite in F16, found 70000 at [0]';
    await assertRejects(() => saveModel(model, folder, "F16"), RangeError, found);
    assertEquals(await readSafetensors(folder), before);
    await saveModel(model, folder, "BF16");
  });
});
