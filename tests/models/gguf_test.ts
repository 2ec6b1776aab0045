/** Models and tokenizers from GGUF files, as transformers makes them; see tests/golden/manifest.json. */

import { assertEquals, assertRejects } from "@std/assert";
import { injectLora, loadAdapter, loadModel, loadTokenizer, openDevice } from "../../mod.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { readConfig, saveModel } from "../../src/models/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import type { HalfWeight } from "../../src/autograd/weight.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden, goldenJson, tensorsOf } from "../support/golden.ts";

const { texts, files } = await goldenJson("gguf/expected.json");
const names = Object.keys(files), logits = await tensorsOf(golden("gguf/logits.safetensors"));
const pathOf = (name: string) => golden(`gguf/${name}.gguf`);

for (const name of names) {
  Deno.test(`${name}.gguf: configuration and logits are transformers'`, async () => {
    const { config, theta, input_ids: rows } = files[name], read = await readConfig(pathOf(name));
    for (const [field, value] of Object.entries(config)) assertEquals(read[field], value, field);
    assertEquals(read.rope_theta, theta);
    using device = await openDevice({ kind: "cpu", threads: 1 });
    using model = await loadModel(device, pathOf(name)), tape = new Tape(device, { record: false });
    const tokens = { shape: [1, rows[0].length], data: Uint32Array.from(rows[0]) };
    const [{ data }] = await device.read(model.forward(tape, { tokens }));
    const wanted = logits.get(name)!.data;
    assertAllClose(data.subarray(-wanted.length), wanted, { absolute: 5e-5, relative: 0 });
  });
}

Deno.test("texts have transformers' ids, or the hub's where it cuts in another way", async () => {
  for (const name of names) {
    const { ids, transformersIds = ids } = files[name];
    const tokenizer = await loadTokenizer(pathOf(name));
    for (const [i, text] of texts.entries()) {
      const found = [...tokenizer.encode(text)];
      assertEquals(found, ids[i], `${name}: ${text}`);
      assertEquals(tokenizer.decode(found), text);
      // Digits behind several spaces, where transformers makes one token of each space.
      const differs = transformersIds[i].length !== ids[i].length;
      assertEquals(differs, name === "llama_q4_1" && text.includes("  12"), text);
    }
  }
});

Deno.test("special tokens, the end of a text and the frame of one are the file's", async () => {
  const tokenizer = await loadTokenizer(pathOf("llama_f16")), { config } = files.llama_f16;
  assertEquals([...tokenizer.specialTokens], [["<|endoftext|>", 0], ["<|im_start|>", 1]]);
  assertEquals(tokenizer.endOfText, config.eos_token_id);
  assertEquals(tokenizer.vocabularySize, config.vocab_size);
  const [start, ...text] = tokenizer.encodeFramed("the cat");
  assertEquals([start, text], [config.bos_token_id, [...tokenizer.encode("the cat")]]);
  const plain = await loadTokenizer(pathOf("llama_f32"));
  assertEquals(plain.encodeFramed("the cat"), plain.encode("the cat"));
});

Deno.test("16 bits stay so on the device with dtype auto", async () => {
  using device = await openDevice({ kind: "cpu", threads: 1 });
  for (
    const [name, type] of [["llama_f16", "f16"], ["llama_bf16", "bf16"], ["llama_q8_0", "f32"]]
  ) {
    using model = await loadModel(device, pathOf(name), { dtype: "auto" });
    const weight = model.weights.get("model.layers.0.mlp.up_proj.weight") as HalfWeight | undefined;
    assertEquals(weight?.values?.type ?? "f32", type, name);
  }
});

Deno.test("a GGUF file in memory is the same model, and one that is saved is read again", () =>
  withFolder(async (folder) => {
    const path = pathOf("llama_q4_0"), file = new File([await Deno.readFile(path)], "small.gguf");
    using device = await openDevice({ kind: "reference" });
    using model = await loadModel(device, path), copy = await loadModel(device, [file]);
    const read = (of: typeof model) =>
      device.read(...[...of.parameters.values()].map(({ tensor }) => tensor));
    assertEquals(await read(copy), await read(model));
    assertEquals(
      (await loadTokenizer([file])).encode(texts[0]),
      Uint32Array.from(files.llama_q4_0.ids[0]),
    );
    await saveModel(model, folder);
    using saved = await loadModel(device, folder);
    assertEquals(await read(saved), await read(model));
    const { tensors } = await readSafetensors(folder);
    assertEquals(tensors.size, model.parameters.size);
    assertEquals(
      (await loadTokenizer(folder)).encode(texts[1]),
      Uint32Array.from(files.llama_q4_0.ids[1]),
    );
  }));

Deno.test("an adapter of a GGUF file's model names it as its base", () =>
  withFolder(async (folder) => {
    using device = await openDevice({ kind: "cpu", threads: 1 });
    using model = await loadModel(device, pathOf("qwen2_q8_0"));
    using adapter = injectLora(model, { rank: 2, alpha: 4, seed: 1 });
    await adapter.save(folder);
    const config = JSON.parse(await Deno.readTextFile(`${folder}/adapter_config.json`));
    assertEquals(config.base_model_name_or_path, pathOf("qwen2_q8_0"));
    using other = await loadModel(device, config.base_model_name_or_path);
    using loaded = await loadAdapter(other, folder);
    assertEquals(loaded.parameterCount, adapter.parameterCount);
  }));

Deno.test("what is not there is named", async () => {
  using device = await openDevice({ kind: "reference" });
  await withFolder(async (folder) => {
    const path = `${folder}/none.gguf`;
    await assertRejects(
      () => loadModel(device, path),
      Error,
      `cannot read ${path}: it does not exist`,
    );
    await Deno.mkdir(path);
    await assertRejects(
      () => loadModel(device, path),
      Error,
      `cannot read ${path}: it is a folder`,
    );
  });
});
