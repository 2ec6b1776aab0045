/** A model is saved as a whole, and its weights know their configuration. */

import { assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { readJson } from "../../src/storage/files.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { injectLora, loadAdapter, merge } from "../../src/adapt/mod.ts";
import { openSafetensors, readSafetensors } from "../../src/formats/mod.ts";
import { initGpt2, loadModel, parseGpt2Config, saveModel } from "../../src/models/mod.ts";
import { loadTokenizer } from "../../src/tokenizer/mod.ts";
import { filesIn, withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";

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

/** The golden base in a type, with fields that no toolkit of ours knows and rates of dropout. */
async function writeBase(folder: string, name: string, fields: Record<string, unknown>) {
  const config = await readJson(golden(`${name}/config.json`)) as Record<string, unknown>;
  await Deno.mkdir(folder);
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify({ ...config, ...fields }));
  await Deno.copyFile(golden(`${name}/model.safetensors`), `${folder}/model.safetensors`);
}

Deno.test("a model that is merged and saved keeps its configuration and how its values are stored", async () => {
  using device = new ReferenceDevice();
  const rates = { resid_pdrop: 0.1, embd_pdrop: 0.2, attn_pdrop: 0.3 };
  for (const [name, dtype] of [["gpt2_tiny_f16", "F16"], ["gpt2_tiny_bf16", "BF16"]]) {
    await withFolder(async (folder) => {
      const base = `${folder}/base`, own = `${folder}/merged`;
      await writeBase(base, name, { ...rates, task_specific_params: { a: [1] }, n_ctx: null });
      using model = await loadModel(device, base);
      using adapter = await loadAdapter(model, golden("adapters/peft_c_attn"));
      using merged = merge(model, adapter);
      await saveModel(merged, own);
      assertEquals(await readJson(`${own}/config.json`), await readJson(`${base}/config.json`));
      using file = await openSafetensors(own);
      assertEquals(
        new Set([...file.tensors.values()].map((entry) => entry.dtype)),
        new Set([dtype]),
      );
      const [ours, theirs] = [await readSafetensors(own), await readSafetensors(base)];
      for (const [tensor, values] of theirs.tensors) {
        const check = tensor.endsWith("c_attn.weight") ? assertNotEquals : assertEquals;
        check(ours.tensors.get(tensor), values, tensor);
      }
      using again = await loadModel(device, own);
      assertEquals(again.options.origin, { ...model.options.origin!, folder: own });
    });
  }
});

Deno.test("another type is in the field that the configuration has for it", async () => {
  using device = new ReferenceDevice();
  const fieldsOf = async (fields: Record<string, unknown>) => {
    let saved: Record<string, unknown> = {};
    await withFolder(async (folder) => {
      await writeBase(`${folder}/base`, "gpt2_tiny_f16", fields);
      using model = await loadModel(device, `${folder}/base`);
      await saveModel(model, `${folder}/saved`, "BF16");
      saved = await readJson(`${folder}/saved/config.json`) as Record<string, unknown>;
    });
    return [saved.dtype, saved.torch_dtype];
  };
  assertEquals(await fieldsOf({}), ["bfloat16", undefined]);
  assertEquals(await fieldsOf({ dtype: undefined, torch_dtype: "float16" }), [
    undefined,
    "bfloat16",
  ]);
  assertEquals(await fieldsOf({ dtype: undefined }), [undefined, "bfloat16"]);
});

Deno.test("a folder holds a model or an adapter, which programs would otherwise combine", async () => {
  using device = new ReferenceDevice();
  using model = initGpt2(device, config, { seed: 1 });
  using adapter = injectLora(model, { rank: 1, sites: ["q"], seed: 1 });
  await withFolder(async (folder) => {
    await saveModel(model, `${folder}/model`);
    await adapter.save(`${folder}/adapter`);
    const names = [filesIn(`${folder}/model`), filesIn(`${folder}/adapter`)];
    const rule = "choose another folder, or remove";
    await assertRejects(
      () => adapter.save(`${folder}/model`),
      RangeError,
      `already holds a model; ${rule} model.safetensors`,
    );
    await assertRejects(
      () => saveModel(model, `${folder}/adapter`),
      RangeError,
      `already holds an adapter; ${rule} adapter_config.json`,
    );
    assertEquals([filesIn(`${folder}/model`), filesIn(`${folder}/adapter`)], names);
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

Deno.test("a loaded model is saved with its tokenizer, also when merged, and without another's", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    const from = "models/tiny-gpt2", made = `${folder}/made`;
    using model = await loadModel(device, from);
    await Deno.mkdir(made);
    await Deno.writeTextFile(`${made}/merges.txt`, "of an older model");
    using adapter = injectLora(model, { rank: 1 });
    using merged = merge(model, adapter);
    await saveModel(merged, made);
    const small = ["tokenizer.json", "tokenizer_config.json"];
    assertEquals(filesIn(made), ["config.json", "model.safetensors", ...small].sort());
    const [old, own] = [await loadTokenizer(from), await loadTokenizer(made)];
    assertEquals(own.encode("Fellow citizens"), old.encode("Fellow citizens"));
  }));
