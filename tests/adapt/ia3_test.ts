/** (IA)³: PEFT's default modules, and what does not fit. `method_cases.ts` has what all methods do. */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { countModules } from "../../src/accounting/mod.ts";
import { injectIa3, loadAnyAdapter } from "../../src/adapt/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { loadModel } from "../../src/models/mod.ts";
import { readJson } from "../../src/storage/files.ts";
import { golden, withFolder } from "./fixtures.ts";

const bases: Readonly<Record<string, string>> = {
  gpt2: "gpt2_tiny",
  llama: "families/llama",
  bert: "families/bert_classifier",
};

const weights = "adapter_model.safetensors";

for (const [run, base] of Object.entries(bases)) {
  Deno.test(`without targetModules ${run} has the vectors of PEFT's default modules`, async () => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden(base));
    using adapter = injectIa3(model);
    const { tensors } = await readSafetensors(`${golden(`methods/${run}_ia3`)}/${weights}`);
    const shapes = (all: Iterable<readonly [string, { shape: readonly number[] }]>) =>
      [...all].map(([name, { shape }]) => `${name} ${shape}`).sort();
    const own = adapter.parameters.map((one) => [one.name, one] as const);
    assertEquals(shapes(own), shapes(tensors));
    const counted = countModules(model.architecture, { kind: "ia3" })
      .filter(({ name }) => name !== "classifier");
    const trained = counted.reduce((sum, { trainable }) => sum + trainable, 0);
    assertEquals(adapter.parameters.reduce((sum, { size }) => sum + size, 0), trained);
  });
}

Deno.test("layers that (IA)³ cannot scale are refused by name", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, golden("gpt2_tiny"));
  const table = "(IA)³ needs linear layers, found the embedding transformer.wte";
  assertThrows(() => injectIa3(model, { targetModules: ["wte"] }), RangeError, table);
  const options = { kind: "ia3", targetModules: ["wte"] } as const;
  assertThrows(() => countModules(model.architecture, options), RangeError, table);
  const unknown = { ...model.architecture, modelType: "t5" };
  const none = "(IA)³ needs targetModules for a model of type t5, found none";
  assertThrows(() => countModules(unknown, { kind: "ia3" }), RangeError, none);
});

Deno.test("a folder with an unknown field, without a vector or with another tensor is refused", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden("gpt2_tiny"));
    const from = golden("methods/gpt2_ia3"),
      { tensors } = await readSafetensors(`${from}/${weights}`);
    const config = await readJson(`${from}/adapter_config.json`) as Record<string, unknown>;
    const refused = async (message: string, fields: object, changed = tensors) => {
      await Deno.writeTextFile(
        `${folder}/adapter_config.json`,
        JSON.stringify({ ...config, ...fields }),
      );
      await writeSafetensors(`${folder}/${weights}`, changed);
      await assertRejects(() => loadAnyAdapter(model, folder), AdapterFileError, message);
      assertEquals(model.adapters.size, 0);
    };
    const [first, ...others] = tensors, [key] = first;
    const module = key.slice("base_model.model.".length, -".ia3_l".length);
    await refused("ia3_scale must be null, false or empty", { ia3_scale: 2 });
    await refused(`that the configuration selects, found none of ${module}`, {}, new Map(others));
    await refused("(IA)³ needs vectors of at least one layer", {}, new Map());
    const stranger = ["transformer.h.0.ia3_l", first[1]] as const;
    await refused("tensors must be (IA)³'s, found", {}, new Map([...tensors, stranger]));
    const short = { shape: [7, 1], data: new Float32Array(7) };
    await refused("must be [144, 1], found [7, 1]", {}, new Map([...others, [key, short]]));
  }));
