import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type BottleneckOptions,
  injectBitFit,
  injectBottleneck,
  injectLora,
  injectLoraPrefix,
  loadAnyAdapter,
} from "../../src/adapt/mod.ts";
import { savedLength } from "../../src/adapt/lora_prefix.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { readJson } from "../../src/storage/files.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { loadModel, Perceptron } from "../../src/models/mod.ts";
import { golden } from "../support/golden.ts";
import { logitsOf, tinyModel, withFolder } from "./fixtures.ts";

// deno-lint-ignore no-explicit-any -- what a caller without types may pass
const options: readonly (readonly [any, string])[] = [
  [{ size: 0 }, "a bottleneck needs a size of at least 1, found 0"],
  [{ size: "8" }, 'a bottleneck needs a size of at least 1, found "8"'],
  [{ size: 2, variant: "adapter" }, "variant must be one of houlsby, lin, pfeiffer, drop, found"],
  [{ size: 2, nonLinearity: "selu" }, "nonLinearity must be one of relu, swish, gelu, gelu_new"],
  [{ size: 2, init: "houlsby" }, "init must be one of zero, bert, found"],
  [{ size: 2, leaveOut: [2] }, "leaveOut must list layers of the model's 2, from 0, found [2]"],
  [{ size: 2, leaveOut: "0" }, 'leaveOut must list layers of the model\'s 2, from 0, found "0"'],
  [
    { size: 2, leaveOut: [1, 0] },
    "leaveOut must leave a layer with a bottleneck, found all 2 layers",
  ],
  [
    { size: 2, variant: "drop" },
    "drop needs the lowest layers in leaveOut, such as [0, 1], found []",
  ],
  [{ size: 2, variant: "drop", leaveOut: [1] }, "drop needs the lowest layers in leaveOut"],
];

Deno.test("options that mean nothing are refused, and nothing stays allocated", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const live = device.ledger.read().live;
  for (const [given, said] of options) {
    assertThrows(() => injectBottleneck(model, given), RangeError, said);
  }
  // deno-lint-ignore no-explicit-any -- an option that does not exist
  const older = { size: 2, places: ["mlp"] } as any as BottleneckOptions;
  assertThrows(() => injectBottleneck(model, older), TypeError, 'found "places"');
  assertEquals([device.ledger.read().live, model.adapters.size], [live, 0]);
});

Deno.test("a model without blocks has no place for a bottleneck", () => {
  using device = new ReferenceDevice();
  using model = Perceptron.init(device, { widths: [3, 2], biases: false }, 1);
  const inject = () => injectBottleneck(model, { size: 2 });
  assertThrows(inject, RangeError, "bottlenecks need a model with blocks, found none");
});

type Tensors = Awaited<ReturnType<typeof readSafetensors>>["tensors"];

/** Changes to a golden folder of the `adapters` library. */
interface Change {
  readonly config?: object;
  readonly top?: object;
  readonly tensors?: (tensors: Tensors) => void;
}

async function copyOf(name: string, folder: string, { config, top, tensors: change }: Change) {
  const from = golden(`adapterhub/${name}`);
  const json = await readJson(`${from}/adapter_config.json`) as { config: object };
  const text = JSON.stringify({ ...json, config: { ...json.config, ...config }, ...top });
  await Deno.writeTextFile(`${folder}/adapter_config.json`, text);
  const { tensors } = await readSafetensors(`${from}/adapter.safetensors`);
  change?.(tensors);
  await writeSafetensors(`${folder}/adapter.safetensors`, tensors);
}

const isUp = (name: string) => name.endsWith("adapter_up.weight");
const firstUp = (tensors: Tensors) => [...tensors.keys()].find(isUp)!;
const zeros = (...shape: number[]) => ({ shape, data: new Float32Array(shape[0] * shape[1]) });
const config = (fields: object): Change => ({ config: fields });

const broken: Readonly<Record<string, readonly [Change, string]>> = {
  "another method": [config({ architecture: "lora" }), 'architecture must be null, found "lora"'],
  "compacters": [config({ phm_layer: true }), "phm_layer must be false, found true"],
  "parallel adapters": [config({ is_parallel: true }), "is_parallel must be false, found true"],
  "a scaling": [config({ scaling: "learned" }), 'scaling must be 1, found "learned"'],
  "gates": [config({ use_gating: true }), "use_gating must be false, found true"],
  "inverses": [config({ inv_adapter: "nice" }), 'inv_adapter must be null, found "nice"'],
  "dropout": [config({ dropout: 0.1 }), "dropout must be 0, found 0.1"],
  "another order": [config({ original_ln_after: false }), "original_ln_after must be true"],
  "another residual": [config({ residual_before_ln: "post_add" }), "residual_before_ln must be"],
  "a second norm": [config({ ln_after: true }), "ln_after must be false, found true"],
  "no MLP": [config({ output_adapter: false }), "ln_before must be as in houlsby, lin, pfeiffer"],
  "sizes by layer": [config({ reduction_factor: { 0: 2 } }), "reduction_factor must be one number"],
  "an activation": [config({ non_linearity: "prelu" }), "non_linearity must be one of relu, swish"],
  "layers by name": [config({ leave_out: "0" }), "leaveOut must list layers of the model's 2"],
  "layers beyond the model": [config({ leave_out: [7] }), "from 0, found [7]"],
  "no version": [
    { top: { version: null } },
    "version must name the adapters library's, found null",
  ],
  "a missing tensor": [
    { tensors: (tensors) => void tensors.delete(firstUp(tensors)) },
    "adapter_up.weight must be [16, 4], found none",
  ],
  "a tensor too many": [
    { tensors: (tensors) => void tensors.set("bert.x.adapters.task.y", zeros(1, 1)) },
    "bert.x.adapters.lowrank.y must be absent, found [1, 1]",
  ],
  "another width": [
    { tensors: (tensors) => void tensors.set([...tensors.keys()].findLast(isUp)!, zeros(16, 1)) },
    "adapter_up.weight must be [16, 4], found [16, 1]",
  ],
  "whole numbers": [
    {
      tensors: (tensors) =>
        void tensors.set(firstUp(tensors), { shape: [16, 4], data: new Int32Array(64) }),
    },
    "adapter_up.weight must be F32, F16, BF16 or F64, found I32",
  ],
  "no width at all": [
    { tensors: (tensors) => void tensors.set(firstUp(tensors), zeros(16, 0)) },
    "reduction_factor must give the size of the file's bottlenecks, 0 in a width of 16, found 4",
  ],
  "a factor of another size": [
    config({ reduction_factor: 8 }),
    "the file's bottlenecks, 4 in a width of 16, found 8, which gives 2",
  ],
  "a factor for one value at least": [config({ reduction_factor: 99 }), "found 99, which gives 1"],
  "a factor of nothing": [config({ reduction_factor: 0 }), "one number above 0, found 0"],
  "a factor in words": [config({ reduction_factor: "4" }), 'one number above 0, found "4"'],
  "another model's width": [
    { top: { hidden_size: 32 } },
    "hidden_size must be the width of the file's bottlenecks, 16, found 32",
  ],
};

for (const [name, [change, said]] of Object.entries(broken)) {
  Deno.test(`a folder of the adapters library with ${name} is refused in one sentence`, () =>
    withFolder(async (folder) => {
      await copyOf("bert_houlsby", folder, change);
      using device = new ReferenceDevice();
      using model = await loadModel(device, golden("families/bert_masked"));
      const live = device.ledger.read().live;
      const { message } = await assertRejects(
        () => loadAnyAdapter(model, folder),
        AdapterFileError,
        said,
      );
      assertEquals(message.split("\n").length, 1);
      assertEquals([device.ledger.read().live, model.adapters.size], [live, 0]);
    }));
}

for (const factor of [3.5, 4, 3.3, null]) {
  Deno.test(`a reduction factor of ${factor} is that of 4 values in a width of 16`, () =>
    withFolder(async (folder) => {
      await copyOf("bert_houlsby", folder, config({ reduction_factor: factor }));
      using device = new ReferenceDevice();
      using model = await loadModel(device, golden("families/bert_masked"));
      using adapter = await loadAnyAdapter(model, folder);
      assertEquals(adapter.parameters.length, 16);
    }));
}

Deno.test("bottlenecks of another model are refused", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const load = () => loadAnyAdapter(model, golden("adapterhub/bert_houlsby"));
  await assertRejects(load, AdapterFileError, "must be [4, 12], found none");
});

Deno.test("a pickle is not read, and the sentence says how to convert it", () =>
  withFolder(async (folder) => {
    await copyOf("bert_pfeiffer", folder, {});
    await Deno.rename(`${folder}/adapter.safetensors`, `${folder}/pytorch_adapter.bin`);
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden("families/bert_masked"));
    const load = () => loadAnyAdapter(model, folder);
    await assertRejects(
      load,
      AdapterFileError,
      "found pytorch_adapter.bin (a pickle can run code)",
    );
  }));

Deno.test("a file without the base model's path fits, and bottlenecks are applied once", () =>
  withFolder(async (folder) => {
    const bare = (tensors: Tensors) => {
      for (const [name, value] of [...tensors]) {
        tensors.delete(name);
        tensors.set(name.replace("bert.", ""), value);
      }
    };
    await copyOf("bert_houlsby", folder, { tensors: bare });
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden("families/bert_masked"));
    using _adapter = await loadAnyAdapter(model, folder);
    const again = () => loadAnyAdapter(model, folder, { onTop: true });
    await assertRejects(again, RangeError, "an adapter must be applied once");
  }));

Deno.test("an adapter that is saved over another leaves no file of that one", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(folder, { recursive: true });
    for await (const { name } of Deno.readDir(golden("adapterhub/roberta_head"))) {
      await Deno.copyFile(golden(`adapterhub/roberta_head/${name}`), `${folder}/${name}`);
    }
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden("families/roberta_classifier"));
    const loaded = async () => {
      using adapter = await loadAnyAdapter(model, folder);
      return [await logitsOf(model), adapter.parameters.length] as const;
    };
    const before = await loaded();
    {
      using adapter = await loadAnyAdapter(model, folder);
      await adapter.save(folder);
    }
    const fileNames = async () =>
      (await Array.fromAsync(Deno.readDir(folder))).map(({ name }) => name).sort();
    assertEquals(await fileNames(), ["README.md", "adapter.safetensors", "adapter_config.json"]);
    assertEquals(await loaded(), before);
    {
      using adapter = injectBitFit(model);
      await adapter.save(folder);
    }
    const alone = ["README.md", "adapter_config.json", "adapter_model.safetensors"];
    assertEquals(await fileNames(), alone);
    {
      using adapter = injectLoraPrefix(model, { rank: 1, length: 3, prefix: "prefix-layer" });
      await adapter.save(folder);
    }
    const own = ["lora_config.json", "prefix_config.json", "prefix_model.safetensors"];
    assertEquals([(await fileNames()).length, await savedLength(folder)], [3 + own.length, 3]);
    {
      using adapter = injectLora(model, { rank: 1 });
      await adapter.save(folder);
    }
    const left = await fileNames();
    assertEquals([own.filter((name) => left.includes(name)), await savedLength(folder)], [[], 0]);
    {
      using adapter = injectBitFit(model);
      await adapter.save(folder);
    }
    assertEquals(await fileNames(), alone);
    await Deno.writeTextFile(`${folder}/README.md`, "somebody's work");
    {
      using adapter = injectBitFit(model);
      await adapter.save(folder);
    }
    assertEquals(await Deno.readTextFile(`${folder}/README.md`), "somebody's work");
  }));

Deno.test("a folder without weights is told which file it lacks", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(folder, { recursive: true });
    const config = "adapter_config.json";
    await Deno.copyFile(golden(`adapterhub/gpt2_drop/${config}`), `${folder}/${config}`);
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    const lacking = `cannot read ${folder}/adapter.safetensors: it does not exist`;
    await assertRejects(() => loadAnyAdapter(model, folder), Error, lacking);
  }));
