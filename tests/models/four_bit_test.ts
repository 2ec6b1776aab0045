/** Models and weights that are loaded in 4 bits, and refusals of them. */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { injectBitFit, injectLora, injectTopLayers } from "../../src/adapt/mod.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import {
  initEncoder,
  loadModel,
  type LoadModelOptions,
  readConfig,
  saveModel,
} from "../../src/models/mod.ts";
import { storedForms } from "../../src/models/stored_forms.ts";
import { predictMemory } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";

const folder = golden("gpt2_tiny");

Deno.test("a weight of a block that is in no file is not left in F32 without a word", async () => {
  const config = await readConfig(folder);
  assertThrows(
    () => storedForms(config, { dtype: "nf4" }, () => undefined),
    RangeError,
    "transformer.h.0.attn.c_attn.weight must be in the model's file, found none",
  );
});

Deno.test("what is in 4 bits is not trained and not saved, its biases and a new head are", async () => {
  using device = new ReferenceDevice();
  using model = await loadModel(device, folder, { dtype: "nf4" });
  const found = "transformer.h.1.attn.c_attn.weight in 4 bits: load the model with dtype F32";
  assertThrows(
    () => new Trainer(model, { learningRate: 0, steps: 1 }),
    RangeError,
    "training a whole model needs all of it in F32, found 8 weights in 4 bits " +
      "(transformer.h.0.attn.c_attn.weight, …): load it with dtype F32, or inject an adapter",
  );
  assertThrows(() => injectTopLayers(model, { layers: 1 }), RangeError, `in F32, found ${found}`);
  assertThrows(
    () => injectLora(model, { rank: 2, seed: 1, modulesToSave: ["h.1.attn.c_attn"] }),
    RangeError,
    `modulesToSave must name modules in F32, found ${found}`,
  );
  await withFolder(async (copy) => {
    await assertRejects(
      () => saveModel(model, copy),
      RangeError,
      "saving a model needs weights of 16 bits or more, found transformer.h.0.attn.c_attn.weight in 4: " +
        "save its adapter, or load the model with dtype F32",
    );
    assertEquals(Array.from(Deno.readDirSync(copy)), []);
  });
  using biases = injectBitFit(model, {});
  assert(biases.parameters.length > 0);
  using classifier = await loadModel(device, folder, { dtype: "nf4", labels: ["a", "b"] });
  using _ = injectLora(classifier, { rank: 2, seed: 1, modulesToSave: ["score"] });
  assert(classifier.parameters.has("score.weight"));
});

Deno.test("the blocks of a file of the trunk alone are in 4 bits under a new head, too", async () => {
  using device = new ReferenceDevice();
  await withFolder(async (headless) => {
    const config = await readConfig(golden("families/bert_masked"));
    using trunk = initEncoder(device, { ...config, architectures: ["BertModel"] }, { seed: 1 });
    await saveModel(trunk, headless);
    for (const dtype of ["nf4", "BF16"] as const) {
      using alone = await loadModel(device, headless, { dtype });
      using classifier = await loadModel(device, headless, { dtype, labels: ["a", "b"] });
      assert(!alone.weights.has("bert.encoder.layer.0.attention.self.query.weight"));
      assert(classifier.weights.has("bert.encoder.layer.0.attention.self.query.weight"));
      const names = [...alone.weights.keys()].map((name) => `bert.${name}`);
      assertEquals([...classifier.weights.keys()].sort(), names.sort());
    }
  });
});

Deno.test("a value that is not finite is let pass into 16 bits, and not into 4", () =>
  withFolder(async (copy) => {
    const name = "transformer.h.0.mlp.c_fc.weight";
    const bytes = await Deno.readFile(`${folder}/model.safetensors`);
    const view = new DataView(bytes.buffer), length = Number(view.getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    const [begin] = header[name].data_offsets;
    view.setFloat32(8 + length + begin + 4, NaN, true); // At [0, 1] in the file, [1, 0] in the model.
    await Deno.writeFile(`${copy}/model.safetensors`, bytes);
    await Deno.copyFile(`${folder}/config.json`, `${copy}/config.json`);
    using device = new ReferenceDevice();
    using _ = await loadModel(device, copy, { dtype: "BF16", allowNonFinite: true });
    for (const dtype of ["nf4", "fp4"] as const) {
      await assertRejects(
        () => loadModel(device, copy, { dtype, allowNonFinite: true }),
        RangeError,
        "cannot load with allowNonFinite in 4 bits, which cannot hold a value that is not finite: " +
          `the values of "${name}" must be finite in F32, found NaN at [1, 0]`,
      );
    }
  }));

const refused: readonly (readonly [options: object, sentence: string])[] = [
  [{ dtype: "nf4", blockSize: 48 }, "blockSize must be one of 32, 64, 128"],
  [
    { dtype: "nf4", blockSize: "64" },
    'blockSize must be one of 32, 64, 128, 256, 512, 1024, 2048, 4096, found "64"',
  ],
  [{ dtype: "int4" }, 'dtype must be one of F32, F16, BF16, auto, nf4, fp4, found "int4"'],
  [
    { dtype: "fp4", doubleQuantization: 1 },
    "doubleQuantization must be one of true, false, found 1",
  ],
  [{ blockSize: 64 }, "blockSize 64 needs dtype nf4 or fp4, found none"],
  [
    { dtype: "F16", doubleQuantization: false },
    'doubleQuantization false needs dtype nf4 or fp4, found "F16"',
  ],
];

for (const [options, sentence] of refused) {
  Deno.test(`a storage of ${JSON.stringify(options)} is refused, loaded and predicted`, async () => {
    using device = new ReferenceDevice();
    await assertRejects(
      () => loadModel(device, folder, options as LoadModelOptions),
      RangeError,
      sentence,
    );
    assertEquals(device.ledger.read().live, 0);
    const config = {
      model_type: "gpt2",
      vocab_size: 5,
      n_positions: 4,
      n_embd: 4,
      n_layer: 1,
      n_head: 1,
    };
    const step = { batch: 1, length: 2, ...options };
    assertThrows(() => predictMemory(config, step), RangeError, sentence);
  });
}
