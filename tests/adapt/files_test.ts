import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  type Adapter,
  adapterInMemory,
  deltaWeight,
  injectBitFit,
  injectLora,
  loadAdapter,
  merge,
} from "../../src/adapt/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { readJson } from "../../src/storage/files.ts";
import { Random } from "../../src/core/random.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import {
  joinUpdates,
  type LowRankUpdate,
  readAdapter,
  writeAdapter,
} from "../../src/formats/mod.ts";
import { loadModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden } from "../support/golden.ts";
import { logitsOf, randomizeB, tinyModel, trainedLora, withFolder } from "./fixtures.ts";

/** An update of random values. */
function update(name: string, out: number, width: number, rank = 2): LowRankUpdate {
  const random = new Random(out + width);
  const draw = (...shape: [number, number]) => ({
    shape,
    data: Float32Array.from({ length: shape[0] * shape[1] }, () => random.normal()),
  });
  return { module: name, A: draw(rank, width), B: draw(out, rank), scaling: 1.5 };
}

async function refusing(updates: LowRankUpdate[], includes: string): Promise<void> {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const before = device.ledger.read();
  await withFolder(async (folder) => {
    await writeAdapter(folder, { updates });
    const error = await assertRejects(() => loadAdapter(model, folder), AdapterFileError, includes);
    assert(error.message.startsWith(`cannot use the adapter in ${folder}: `));
  });
  assertEquals(device.ledger.read().byRole, before.byRole);
}

for (const prefix of ["transformer.", "", "model.transformer."]) {
  Deno.test(`a file's names match layers by a unique ending: "${prefix}h.0.…"`, async () => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    await withFolder(async (folder) => {
      await writeAdapter(folder, { updates: [update(`${prefix}h.0.attn.c_proj`, 12, 12)] });
      using adapter = await loadAdapter(model, folder);
      assertEquals(adapter.sites.map(({ name }) => name), ["transformer.h.0.attn.c_proj"]);
      assertEquals(adapter.sites[0].alpha, 3);
    });
  });
}

Deno.test("modules that match no layer, or several, are listed beside what there is", async () => {
  const known = "transformer.h.0…1.attn.c_attn";
  await refusing([update("encoder.layer.0.query", 12, 12)], "found encoder.layer.0.query");
  await refusing([update("encoder.layer.0.query", 12, 12)], known);
  await refusing([update("c_proj", 12, 12)], "found c_proj");
  const both = [update("h.0.attn.c_proj", 12, 12), update("transformer.h.0.attn.c_proj", 12, 12)];
  await refusing(both, "a layer takes one module, found two for transformer.h.0.attn.c_proj");
});

Deno.test("A and B that do not fit the layer are refused", async () => {
  await refusing(
    [update("h.1.mlp.c_fc", 12, 48)],
    "A and B of transformer.h.1.mlp.c_fc must be (rank, 12) and (48, rank), found [2, 48] and [12, 2]",
  );
});

Deno.test("sites of different scalings in one weight keep their ΔW", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model, {
    rankPattern: { "c_attn:q": 1 },
    alphaPattern: { "c_attn:v": 7 },
  });
  const adapted = await logitsOf(model);
  await withFolder(async (folder) => {
    await adapter.save(folder);
    const { updates } = await readAdapter(folder);
    assertEquals(updates.map(({ A }) => A.shape[0]), [1, 2, 1, 2]);
    const modules = Map.groupBy(updates, ({ module }) => module);
    assertEquals([...modules.values()].map((sites) => joinUpdates(sites).A.shape[0]), [3, 3]);
    adapter.remove();
    using loaded = await loadAdapter(model, folder);
    assertEquals(loaded.sites.map(({ rank }) => rank), [1, 2, 1, 2]);
    assertAllClose(await logitsOf(model), adapted, { relative: 1e-6, absolute: 1e-6 });
  });
});

Deno.test("what is written says the base model, its layers' type, the dropout and a true scaling", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = injectLora(model, {
    rank: 4,
    alpha: 6,
    rankStabilized: true,
    dropout: 0.25,
    sites: ["o"],
    seed: 1,
  });
  randomizeB(adapter);
  await withFolder(async (folder) => {
    await adapter.save(folder, { baseModelName: "tiny-gpt2", dtype: "BF16" });
    const config = await readJson(`${folder}/adapter_config.json`) as Record<string, unknown>;
    assertEquals(config.base_model_name_or_path, "tiny-gpt2");
    assertEquals(config.fan_in_fan_out, true);
    assertEquals(config.lora_dropout, 0.25);
    const [{ scaling, A, B }] = (await readAdapter(folder)).updates;
    assertEquals(scaling, 3);
    const close = { relative: 0.02, absolute: 0.02 };
    const exact = await adapter.deltaWeight("transformer.h.0.attn.c_proj");
    assertAllClose(deltaWeight({ A, B, scaling }).data, exact.data, close);
    adapter.remove();
    using loaded = await loadAdapter(model, folder);
    assertEquals(loaded.sites[0].dropout, 0.25);
  });
});

Deno.test("an adapter says which folder its base was loaded from, but not that of a merged one", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    const from = golden("gpt2_tiny");
    using model = await loadModel(device, from);
    using adapter = injectLora(model, { rank: 1 });
    const baseOf = async (adapter: Adapter) => {
      await adapter.save(folder);
      const config = await readJson(`${folder}/adapter_config.json`) as Record<string, unknown>;
      return config.base_model_name_or_path;
    };
    assertEquals(await baseOf(adapter), from);
    using merged = merge(model, adapter);
    using second = injectLora(merged, { rank: 1 });
    assertEquals(await baseOf(second), null);
    adapter.remove();
    using biases = injectBitFit(model);
    assertEquals(await baseOf(biases), from);
  }));

Deno.test("an adapter in memory has the bytes of its folder, and reads as it does", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1, blas: false });
    using model = await loadModel(device, "models/tiny-gpt2");
    using adapter = injectLora(model, { rank: 2, alpha: 4, seed: 1 });
    const options = { baseModelName: "gpt2", dtype: "BF16" } as const;
    await adapter.save(folder, options);
    const files = await adapterInMemory(adapter, options);
    assertEquals(
      files.map(({ name }) => name).sort(),
      Array.from(Deno.readDirSync(folder), ({ name }) => name).sort(),
    );
    for (const file of files) {
      assertEquals(await file.bytes(), await Deno.readFile(`${folder}/${file.name}`), file.name);
    }
    assertEquals((await readAdapter(files)).updates, (await readAdapter(folder)).updates);
    const unknown = { folder } as unknown as typeof options;
    await assertRejects(() => adapterInMemory(adapter, unknown), TypeError, "folder");
  }));
