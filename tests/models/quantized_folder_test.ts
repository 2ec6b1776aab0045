/** Folders that bitsandbytes has quantized to 4 bits. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { catalog } from "../../src/architectures/mod.ts";
import { openDevice } from "../../src/device/mod.ts";
import { openSafetensors, readQuantized, writeSafetensors } from "../../src/formats/mod.ts";
import {
  loadModel,
  quantizeFolder,
  readConfig,
  saveModel,
  type TextModel,
} from "../../src/models/mod.ts";
import { predictMemory } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { dequantize, quantize } from "../../src/quant/mod.ts";
import { logitsOf, valuesOf } from "../adapt/fixtures.ts";
import { inputs, targetsOf, train } from "../adapt/method_cases.ts";
import { assertAllClose } from "../support/all_close.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden, tensorsOf } from "../support/golden.ts";
import {
  quantizationConfig,
  quantizedTensors,
  writeQuantizedFolder,
} from "../support/quantized_folder.ts";

const cpu = () => openDevice({ kind: "cpu", threads: 1 });

for (const name of ["gpt2_nf4", "llama_fp4"]) {
  Deno.test(`${name} of transformers is loaded with its own bytes and has its logits`, async () => {
    using device = await cpu();
    using model = await loadModel(device, golden(`quantized/${name}`));
    using file = await openSafetensors(golden(`quantized/${name}`));
    assertEquals(model.weights.size, name === "gpt2_nf4" ? 8 : 14);
    for (const [key, weight] of model.weights) {
      using dense = weight.dense();
      assertEquals(await valuesOf(dense), dequantize(await readQuantized(file, key)).data, key);
    }
    const wanted = await tensorsOf(golden("quantized/logits.safetensors"));
    const { shape, data } = wanted.get(`input_ids.${name}`)!;
    const logits = await logitsOf(model, { tokens: { shape, data: Uint32Array.from(data) } });
    const close = { relative: 0, absolute: 5e-5, what: name };
    assertAllClose(logits, wanted.get(`logits.${name}`)!.data, close);
  });
}

/** Logits in F32, of a model that is freed then. */
async function logitsIn(load: Promise<TextModel>): Promise<unknown> {
  using model = await load;
  return await logitsOf(model, inputs);
}

for (
  const name of ["gpt2_tiny", "families/qwen2", "families/bert_masked", "families/deberta_masked"]
) {
  Deno.test(`${name} in 4 bits on disk is what it is when it is quantized as it is loaded`, () =>
    withFolder(async (folder) => {
      await writeQuantizedFolder(folder, golden(name));
      using device = await cpu();
      const expected = await logitsIn(loadModel(device, golden(name), { dtype: "nf4" }));
      for (const dtype of [undefined, "auto", "nf4"] as const) {
        assertEquals(await logitsIn(loadModel(device, folder, { dtype })), expected);
      }
    }));
}

for (const doubleQuantization of ["no", null, 1]) {
  Deno.test(`a folder is not quantized with doubleQuantization ${doubleQuantization}`, () =>
    withFolder(async (folder) => {
      await assertRejects(
        () => quantizeFolder(golden("gpt2_tiny"), folder, { doubleQuantization } as object),
        RangeError,
        "the double quantization of quantize must be one of true, false, found ",
      );
      assertEquals([...Deno.readDirSync(folder)], []);
    }));
}

Deno.test("as F32 it is a model like any other: all of it can be trained and saved", () =>
  withFolder(async (folder) => {
    await writeQuantizedFolder(folder, golden("families/llama"), { code: "fp4", blockSize: 32 });
    using device = await cpu();
    using packed = await loadModel(device, folder);
    using model = await loadModel(device, folder, { dtype: "F32" });
    using half = await loadModel(device, folder, { dtype: "BF16" });
    assertEquals([packed.weights.size, model.weights.size, half.weights.size], [14, 0, 16]);
    for (const [key, weight] of packed.weights) {
      using dense = weight.dense();
      assertEquals(await valuesOf(model.parameters.get(key)!.own), await valuesOf(dense), key);
      using rounded = half.weights.get(key)!.dense();
      assertAllClose(await valuesOf(rounded), await valuesOf(dense), {
        relative: 2 ** -8,
        absolute: 0,
      });
    }
    train(model, 1);
    await withFolder(async (copy) => {
      await saveModel(model, copy);
      assert(!(await Deno.readTextFile(`${copy}/config.json`)).includes("quantization_config"));
      assertEquals(await logitsIn(loadModel(device, copy)), await logitsOf(model, inputs));
    });
  }));

Deno.test("a classifier that was quantized too is F32 on the device, and new labels replace a head", () =>
  withFolder(async (folder) => {
    const from = golden("families/bert_classifier"), key = "classifier.weight";
    const tensors = await quantizedTensors(from), head = tensors.get(key)!;
    assert("data" in head);
    const packed = quantize(head);
    await writeQuantizedFolder(folder, from);
    await writeSafetensors(`${folder}/model.safetensors`, tensors.set(key, packed));
    using device = await cpu();
    using model = await loadModel(device, folder);
    assertEquals(await valuesOf(model.parameters.get(key)!.own), dequantize(packed).data);
    await writeQuantizedFolder(folder, golden("gpt2_tiny"));
    using labeled = await loadModel(device, folder, { labels: ["a", "b"] });
    using _ = injectLora(labeled, { rank: 2, seed: 1, modulesToSave: ["score"] });
    assertEquals(labeled.weights.size, 8);
  }));

Deno.test("a step on such a folder takes the bytes that its configuration predicts", () =>
  withFolder(async (folder) => {
    using device = await cpu();
    const adapt = (model: TextModel) => injectLora(model, { rank: 2, sites: "all", seed: 1 });
    const [batch, length] = inputs.tokens.shape;
    const kept = { llm_int8_skip_modules: ["pooler.dense", "classifier"] };
    const folders = [
      ["gpt2_tiny", {}, {}],
      ["families/llama", { code: "fp4", doubleQuantization: false }, {}],
      ["families/bert_classifier", {}, kept],
    ] as const;
    for (const [name, form, fields] of folders) {
      const quantization_config = { ...quantizationConfig(form), ...fields };
      await writeQuantizedFolder(folder, golden(name), form, { quantization_config });
      device.ledger.resetPeak();
      using model = await loadModel(device, folder);
      using _ = adapt(model);
      using trainer = new Trainer(model, { learningRate: 0, steps: 1 });
      const labels = { ...inputs.tokens, data: Int32Array.from(inputs.tokens.data) };
      const isClassifier = model.architecture.head === "classes";
      trainer.step([{ inputs, targets: isClassifier ? targetsOf(model) : labels }]);
      const found = device.ledger.read(), json = await readConfig(folder);
      const predicted = predictMemory(json, { batch, length, adapt: (one) => void adapt(one) });
      assertEquals([found.byRole, found.peakByRole], [predicted.byRole, predicted.peakByRole]);
      const whole = predictMemory(json, { batch, length, dtype: "F32" });
      assertEquals(whole.byRole.quantized, 0);
    }
  }));

Deno.test("blocks that only a configuration speaks of are as large as it is asked", () => {
  const json = { ...catalog.gpt2.config, quantization_config: quantizationConfig({}) };
  const adapt = (model: TextModel) => void injectLora(model, { rank: 2, seed: 1 });
  const step = { batch: 1, length: 1, dtype: "nf4", adapt } as const;
  const bytes = (options: object) => predictMemory(json, { ...step, ...options }).byRole.quantized;
  // Blocks of 12 x 768 x 768 values, whose scales are in 8 bits, each 256 with one of their own in F32.
  const saved = 12 * 12 * 768 ** 2 / 128;
  assertEquals(bytes({}) - bytes({ blockSize: 128 }), saved + 4 * saved / 256);
  assertThrows(
    () => bytes({ doubleQuantization: false }),
    RangeError,
    "nf4 in blocks of 64 with scales in 8 bits, but nf4 in blocks of 64 with scales in F32 was asked for",
  );
});
