import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  deltaWeight,
  injectLora,
  loadAdapter,
  merge,
  mergeReport,
  swap,
  unmerge,
} from "../../src/adapt/mod.ts";
import { DeviceError, ShapeError } from "../../src/core/errors.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { initGpt2, loadModel, parseGpt2Config, saveModel } from "../../src/models/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { filesIn } from "../../scripts/support/folders.ts";
import { Trainer } from "../../src/train/mod.ts";
import { labels, logitsOf, tinyModel, tokens, trainedLora, withFolder } from "./fixtures.ts";

Deno.test("ΔW = scaling · B A, and shapes that do not fit are refused", () => {
  const A = { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) };
  const B = { shape: [2, 2], data: Float32Array.of(1, 0, -1, 2) };
  const { shape, data } = deltaWeight({ A, B, scaling: 0.5 });
  assertEquals(shape, [2, 3]);
  assertEquals([...data], [0.5, 1, 1.5, 3.5, 4, 4.5]);
  assertThrows(
    () => deltaWeight({ A: B, B: A, scaling: 1 }),
    ShapeError,
    "found [2, 2] and [2, 3]",
  );
});

Deno.test("the report's norms are those of ΔW and W, and its bytes those of the copies", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model);
  const { weights, extraBytes } = await mergeReport(model, adapter);
  assertEquals(
    weights.map(({ module }) => module),
    [0, 1].map((n) => `transformer.h.${n}.attn.c_attn`),
  );
  const before = device.ledger.read().byRole.weight;
  using _ = merge(model, adapter);
  assertEquals(device.ledger.read().byRole.weight - before, extraBytes);
  const [q, v] = await Promise.all(
    ["q", "v"].map((role) => adapter.deltaWeight(`transformer.h.0.attn.c_attn:${role}`)),
  );
  const expected = Math.hypot(...q.data, ...v.data);
  assertAlmostEquals(weights[0].deltaNorm, expected, 1e-6 * expected);
  assertAlmostEquals(weights[0].relativeNorm, weights[0].deltaNorm / weights[0].weightNorm);
  assertAlmostEquals(weights[0].survivingShare, 1, 1e-6);
});

Deno.test("of a small ΔW less survives the coarser the type", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model, { alpha: 1e-4 });
  const errorOf = async (dtype: "F32" | "F16" | "BF16") => {
    const { weights } = await mergeReport(model, adapter, { dtype });
    return Math.max(...weights.map(({ survivingShare }) => Math.abs(1 - survivingShare)));
  };
  const [f32, f16, bf16] = [await errorOf("F32"), await errorOf("F16"), await errorOf("BF16")];
  assert(f32 < 1e-3 && f32 < f16 && f16 < bf16, `${f32}, ${f16}, ${bf16}`);
});

Deno.test("nothing survives of a ΔW far below the spacing of the type", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model, { alpha: 1e-9 });
  const { weights } = await mergeReport(model, adapter, { dtype: "BF16" });
  assertEquals(weights.map(({ survivingShare }) => survivingShare), [0, 0]);
});

Deno.test("nothing is lost of an update that is zero", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = injectLora(model, { rank: 1, sites: ["up"], seed: 1 });
  const { weights } = await mergeReport(model, adapter, { dtype: "BF16" });
  assertEquals(weights.map(({ survivingShare, deltaNorm }) => [survivingShare, deltaNorm]), [
    [1, 0],
    [1, 0],
  ]);
});

Deno.test("a merged weight that overflows is refused by its name, in the report and in the file", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model);
  const { A, B } = adapter.sites[0], name = '"transformer.h.0.attn.c_attn.weight" must be finite';
  for (const { tensor, size } of [A, B]) device.write(tensor, new Float32Array(size).fill(150));
  assertEquals((await mergeReport(model, adapter)).weights.length, 2);
  const half = () => mergeReport(model, adapter, { dtype: "F16" });
  await assertRejects(half, RangeError, `cannot merge: the values of ${name} in F16`);
  for (const { tensor, size } of [A, B]) device.write(tensor, new Float32Array(size).fill(1e20));
  await assertRejects(() => mergeReport(model, adapter), RangeError, `${name} in F32`);
  using merged = merge(model, adapter);
  await withFolder(async (folder) => {
    await assertRejects(() => saveModel(merged, folder), RangeError, `${name} in F32`);
    assertEquals(filesIn(folder), []);
  });
});

Deno.test("a merged model is saved like any other and comes back with the same logits", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model, { sites: "all" });
  using merged = merge(model, adapter);
  await withFolder(async (folder) => {
    await saveModel(merged, folder);
    using loaded = await loadModel(device, folder);
    assertAllClose(await logitsOf(loaded), await logitsOf(merged));
  });
});

Deno.test("a merged model shares what is not adapted, and nothing of it is trainable", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  using adapter = trainedLora(model);
  using merged = merge(model, adapter);
  const own = [...merged.parameters.values()].filter(({ name, tensor }) =>
    tensor.storage !== model.parameters.get(name)!.tensor.storage
  );
  const names = [0, 1].map((n) => `transformer.h.${n}.attn.c_attn.weight`);
  assertEquals(own.map(({ name }) => name), names);
  assertEquals(merged.trainable(), []);
  assert(merged.base === model);
  assertEquals(model.trainable().length, 8);
});

Deno.test("a merged model can be adapted again", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using first = trainedLora(model, { seed: 1 });
  using second = trainedLora(model, { seed: 2 });
  const both = await logitsOf(model);
  second.remove();
  using merged = merge(model, first);
  using again = trainedLora(merged, { seed: 2 });
  assertAllClose(await logitsOf(merged), both, { relative: 1e-12, absolute: 1e-12 });
  again.remove();
  assertEquals(merged.trainable(), []);
});

Deno.test("a merged model cannot outlive its base", async () => {
  using device = new ReferenceDevice();
  const model = tinyModel(device);
  using adapter = trainedLora(model);
  using merged = merge(model, adapter);
  model[Symbol.dispose]();
  await assertRejects(() => logitsOf(merged), DeviceError, "after it was disposed");
});

Deno.test("adapters of other models are refused by name and shape", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  const shape = { vocab_size: 11, n_positions: 8, n_head: 3 };
  using wide = initGpt2(device, parseGpt2Config({ ...shape, n_embd: 24, n_layer: 1 }), { seed: 1 });
  using deep = initGpt2(device, parseGpt2Config({ ...shape, n_embd: 12, n_layer: 3 }), { seed: 1 });
  using ofWide = trainedLora(wide);
  using ofDeep = trainedLora(deep);
  const live = device.ledger.read().live;
  const name = "merging needs a tensor transformer.h";
  assertThrows(
    () => merge(model, ofWide),
    RangeError,
    `${name}.0.attn.c_attn.weight of [72, 24], found one`,
  );
  assertThrows(
    () => merge(model, ofDeep),
    RangeError,
    `${name}.2.attn.c_attn.weight of [36, 12], found none`,
  );
  assertEquals(device.ledger.read().live, live);
});

Deno.test("a swap never writes into weights of the base", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  using attention = trainedLora(model);
  using all = trainedLora(model, { sites: "all" });
  using merged = merge(model, attention);
  const rule = "swapping needs adapters of merged weights, found transformer.h.0.attn.c_proj";
  assertThrows(() => swap(merged, attention, all), RangeError, rule);
  assert(unmerge(merged) === model);
  assertThrows(() => swap(merged, attention, attention), DeviceError, "after it was disposed");
});

Deno.test("a merge that fails gives back what it had allocated", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const adapter = trainedLora(model);
  adapter[Symbol.dispose]();
  const before = device.ledger.read().byRole;
  assertThrows(() => merge(model, adapter), DeviceError, "used after it was disposed");
  assertEquals(device.ledger.read().byRole, before);
});

Deno.test("a model takes each adapter's values once, until these are trained on", () =>
  withFolder(async (folder) => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    using adapter = trainedLora(model);
    const twice = "an adapter must be applied once, found";
    assertThrows(() => merge(model, [adapter, adapter]), RangeError, twice);
    using merged = merge(model, adapter);
    assertThrows(() => merge(merged, adapter), RangeError, `${twice} one in the model's weights`);
    await adapter.save(`${folder}/adapter`); // After the merge: the values are the same.
    await saveModel(merged, `${folder}/model`);
    using again = await loadModel(device, `${folder}/model`);
    const load = () => loadAdapter(again, `${folder}/adapter`);
    await assertRejects(load, RangeError, "/adapter in the model's weights already");
    using other = trainedLora(model, { seed: 2, onTop: true });
    swap(merged, adapter, other);
    assertThrows(() => merge(merged, other), RangeError, twice);
    using _ = merge(merged, adapter);
    adapter.remove();
    other.remove();
    using fresh = await loadAdapter(model, `${folder}/adapter`);
    using trainer = new Trainer(model, { learningRate: 1e-3, steps: 1 });
    trainer.step([{ inputs: { tokens }, targets: { shape: [2, 5], data: labels } }]);
    await saveModel(merge(model, fresh), `${folder}/model`);
    using further = await loadModel(device, `${folder}/model`);
    assertEquals(further.merged, []); // No file holds what was merged.
  }));
