/** Merging files of all methods that change weights is what merging on a device is. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { merge } from "../../src/adapt/mod.ts";
import { adapting } from "../../src/adapt/methods.ts";
import { mergeFolder } from "../../src/adapt/merge/folder.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { Random } from "../../src/core/random.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readSafetensors, writeSafetensors } from "../../src/formats/mod.ts";
import { loadModel, type TextModel } from "../../src/models/mod.ts";
import { applyMethod, methodKinds, type MethodSpec } from "../../src/runs/mod.ts";
import { assertEveryMethod } from "../methods/every_method.ts";
import { assertAllClose } from "../support/all_close.ts";
import "../support/open_lapack.ts";
import { golden, logitsOf, valuesOf, withFolder } from "./fixtures.ts";

const methods: readonly MethodSpec[] = [
  { kind: "bitfit" },
  { kind: "top-layers", layers: 1 },
  { kind: "vera", rank: 5, targetModules: "all-linear" },
  { kind: "ia3" },
  { kind: "ia3", targetModules: "all-linear", feedforwardModules: ["c_proj", "dense"] },
  { kind: "tinylora" },
  { kind: "tinylora", vectorSize: 3, weightTying: 0.5, targetModules: "all-linear" },
  { kind: "subspace" },
  { kind: "subspace", dimension: 7 },
];

Deno.test("every method whose files are merged is here, but for LoRA, which merge_test.ts has", () => {
  const others = methodKinds.filter((kind) => kind === "lora" || !adapting[kind].merge);
  const rows = methods.map(({ kind }) => kind);
  assertEveryMethod("`methods` of tests/adapt/merge_methods_test.ts", rows, others);
});

const bases = ["gpt2_tiny", "gpt2_tiny_bare", "families/bert_classifier", "families/llama"];

const inputs = { tokens: { shape: [2, 4], data: Uint32Array.of(1, 4, 9, 10, 0, 3, 3, 7) } };

/** An adapter with other values than at its start, saved. */
async function savedAdapter(model: TextModel, method: MethodSpec, folder: string) {
  const { head, layers } = model.architecture;
  const heads = layers.filter(({ kind }) => kind === "head").map(({ name }) => name);
  const modulesToSave = head === "classes" ? heads : [];
  const adapter = (await applyMethod(model, { ...method, modulesToSave } as MethodSpec, 1))!;
  const random = new Random(2);
  for (const { tensor } of adapter.parameters) {
    const values = await valuesOf(tensor);
    const changed = Float32Array.from(values, (x) => x + 0.1 * random.normal());
    tensor.device.write(tensor, changed);
  }
  await adapter.save(folder);
  return adapter;
}

for (const base of bases) {
  for (const method of methods) {
    if (method.kind === "bitfit" && base.endsWith("llama")) continue;
    Deno.test(`${JSON.stringify(method)} in the files of ${base} computes what it computes on a device`, () =>
      withFolder(async (folder) => {
        using device = new ReferenceDevice();
        using model = await loadModel(device, golden(base));
        using adapter = await savedAdapter(model, method, `${folder}/adapter`);
        using merged = merge(model, adapter);
        const adapters = [`${folder}/adapter`], output = `${folder}/merged`;
        await mergeFolder({ model: golden(base), adapters, output });
        using read = await loadModel(device, output);
        const close = { relative: 0, absolute: 1e-5 };
        assertAllClose(await logitsOf(read, inputs), await logitsOf(merged, inputs), close);
        const again = { model: output, adapters, output: `${folder}/again` };
        await assertRejects(() => mergeFolder(again), RangeError, "weights already");
      }));
  }
}

Deno.test("without saved projections the files are the same", () =>
  withFolder(async (folder) => {
    const from = golden("methods/gpt2_vera"), file = "adapter_model.safetensors";
    const config = JSON.parse(await Deno.readTextFile(`${from}/adapter_config.json`));
    const drawn = JSON.stringify({ ...config, save_projection: false });
    await Deno.writeTextFile(`${folder}/adapter_config.json`, drawn);
    const { tensors } = await readSafetensors(`${from}/${file}`);
    const vectors = [...tensors].filter(([name]) => name.includes("lambda"));
    await writeSafetensors(`${folder}/${file}`, new Map(vectors));
    const weightsWith = async (adapter: string, output: string) => {
      await mergeFolder({ model: golden("gpt2_tiny"), adapters: [adapter], output });
      return (await readSafetensors(`${output}/model.safetensors`)).tensors;
    };
    const read = await weightsWith(from, `${folder}/one`);
    assertEquals(await weightsWith(folder, `${folder}/two`), read);
  }));

Deno.test("what changes no weights, and what does not fit, is refused in one sentence", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = await loadModel(device, golden("gpt2_tiny"));
    const merged = (name: string, base = "gpt2_tiny") =>
      mergeFolder({
        model: golden(base),
        adapters: [`${folder}/${name}`],
        output: `${folder}/out`,
      });
    const prefix = await savedAdapter(model, { kind: "prefix-layer", length: 2 }, `${folder}/p`);
    prefix[Symbol.dispose]();
    await assertRejects(() => merged("p"), RangeError, 'changes weights, found "prefix-layer" in');
    const vera = await savedAdapter(model, methods[2], `${folder}/v`);
    vera[Symbol.dispose]();
    const none =
      "one tensor of every name, and a known architecture, found none of transformer.h.0";
    await assertRejects(() => merged("v", "families/llama"), AdapterFileError, none);
  }));

for (const base of ["gpt2_tiny", "gpt2_tiny_bare", "families/bert_classifier"]) {
  for (const method of methods.slice(0, 2)) {
    Deno.test(`a part of ${method.kind}, or more than it, is not merged into ${base}`, () =>
      withFolder(async (folder) => {
        using device = new ReferenceDevice();
        using model = await loadModel(device, golden(base));
        using _ = await savedAdapter(model, method, folder);
        const file = `${folder}/adapter_model.safetensors`,
          { tensors } = await readSafetensors(file);
        const own = [...tensors.keys()].filter((name) => /\b(h|layer)\./.test(name));
        const table = [...model.parameters.values()][0], { name, shape, size } = table;
        const stranger = { shape, data: new Float32Array(size) };
        const without = (gone: string) => new Map([...tensors].filter(([name]) => name !== gone));
        const broken = [
          ...own.slice(0, 2).map((gone) => ["found no", gone, without(gone)] as const),
          ["found", name, new Map([...tensors, [name, stranger] as const])] as const,
        ];
        const merged = { model: golden(base), adapters: [folder], output: `${folder}/merged` };
        for (const [found, name, changed] of broken) {
          await writeSafetensors(file, changed);
          const rule = `that "${method.kind}" trains of the base, and no other, ${found} `;
          const { message } = await assertRejects(() => mergeFolder(merged), RangeError, rule);
          assert(message.endsWith(name.replace("transformer.", "")), message);
        }
        await writeSafetensors(file, tensors);
        await mergeFolder(merged);
      }));
  }
}
