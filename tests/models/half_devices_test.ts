/** Models in 16 bits, and how they are asked for. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { loadAdapter } from "../../src/adapt/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import {
  initGpt2,
  loadModel,
  outputsOf,
  parseGpt2Config,
  saveModel,
} from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { coreDevices, testOn, webgpu } from "../support/devices.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { checks } from "./half_checks.ts";

await testOn(coreDevices, checks);

// On webgpu every program is compiled for each storage, so a model of each stands for all until night.
await testOn(
  [webgpu],
  checks.filter(({ name }) => /^(gpt2_tiny in F16|llama3_tied in BF16): results/.test(name)),
);

const tokens = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };

Deno.test("values in F32 are rounded to the dtype that is asked for, with auto they stay", async () => {
  using device = new ReferenceDevice();
  for (const dtype of ["F16", "BF16"] as const) {
    using rounded = await loadModel(device, golden("gpt2_tiny"), { dtype });
    using whole = await loadModel(device, golden("gpt2_tiny"), { dtype: "auto" });
    assertEquals(whole.weights.size, 0);
    const found = (await outputsOf(rounded, { tokens })).data;
    for (const { name, shape } of rounded.weights.values()) {
      using dense = rounded.weights.get(name)!.dense();
      const [{ data }] = await device.read(dense);
      device.write(whole.parameters.get(name)!.own, data);
      assertEquals(dense.shape, shape);
    }
    assertEquals((await outputsOf(whole, { tokens })).data, found);
  }
});

Deno.test("a step that would train a part of a model in 16 bits as if it were all is refused", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"), { dtype: "F16" });
  assertThrows(
    () => new Trainer(model, { learningRate: 0, steps: 1 }),
    RangeError,
    "training a whole model needs all of it in F32, found ",
  );
  const norms = [...model.parameters.values()].filter(({ name }) => name.includes("ln_"));
  using _ = new Trainer(model, { learningRate: 0, steps: 1, groups: [{ parameters: norms }] });
});

Deno.test("a table that PEFT saved with its adapter does not replace one in 16 bits", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("families/llama"), { dtype: "F16" });
  const { live } = device.ledger.read();
  await assertRejects(
    () => loadAdapter(model, golden("state_dicts/llama/lora_target_embedding")),
    AdapterFileError,
    "an adapter's file can replace the weights of modules in F32, found model.embed_tokens.weight in 16 " +
      "bits: load the model with dtype F32",
  );
  assertEquals(device.ledger.read().live, live);
  using adapter = await loadAdapter(model, golden("state_dicts/llama/lora"));
  assertEquals(adapter.sites.length > 0, true);
});

Deno.test("a value beyond F16 and a dtype that is none are refused, and nothing stays", async () => {
  using device = new ReferenceDevice();
  const config = { vocab_size: 7, n_positions: 5, n_embd: 6, n_layer: 1, n_head: 2 };
  await withFolder(async (folder) => {
    using model = initGpt2(device, parseGpt2Config(config), { seed: 1 });
    const { tensor, size } = model.parameters.get("transformer.wte.weight")!;
    device.write(tensor, new Float32Array(size).fill(65520, size - 1));
    await saveModel(model, folder);
    const { live } = device.ledger.read();
    await assertRejects(
      () => loadModel(device, folder, { dtype: "F16" }),
      RangeError,
      'the values of "transformer.wte.weight" must be finite in F16, found 65520 at [6, 5]',
    );
    await assertRejects(
      () => loadModel(device, folder, { dtype: "F8" as never }),
      RangeError,
      "dtype must be one of F32, F16, BF16",
    );
    assertEquals(device.ledger.read().live, live);
    using loaded = await loadModel(device, folder, { dtype: "BF16" });
    assertEquals(loaded.weights.size, 5);
  });
});
