/** Adapters other than LoRA: BitFit, and bottlenecks after sublayers. */

import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { evaluateFormula } from "../../src/accounting/mod.ts";
import {
  type Adapter,
  injectBitFit,
  injectBottleneck,
  loadAdapter,
  merge,
} from "../../src/adapt/mod.ts";
import { scale, Tape } from "../../src/autograd/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import type { Tensor } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import type { Model } from "../../src/models/mod.ts";
import { disturb, logitsOf, tinyModel, trainedLora, valuesOf, withFolder } from "./fixtures.ts";
import { bottlenecks } from "./method_cases.ts";

const methods: Readonly<Record<string, (model: Model) => Adapter>> = {
  bitfit: (model) => injectBitFit(model, { onTop: true }),
  bottleneck: (model) => injectBottleneck(model, { size: 3, seed: 1, onTop: true }),
};

for (const [method, inject] of Object.entries(methods)) {
  Deno.test(`${method} is saved under the names of its values, and not taken for LoRA`, async () => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    using adapter = inject(model);
    await disturb(adapter);
    await withFolder(async (folder) => {
      await adapter.save(folder, { baseModelName: "tiny" });
      const file = method === "bottleneck" ? "adapter" : "adapter_model";
      const { tensors } = await readSafetensors(`${folder}/${file}.safetensors`);
      assertEquals(new Set(tensors.keys()), new Set(adapter.parameters.map(({ name }) => name)));
      adapter.remove();
      await assertRejects(() => loadAdapter(model, folder), AdapterFileError);
    });
  });
}

Deno.test("merging a model with LoRA alone leaves out the biases of another adapter", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using lora = trainedLora(model);
  const alone = await logitsOf(model);
  using bitfit = injectBitFit(model, { onTop: true });
  await disturb(bitfit);
  using merged = merge(model, lora);
  const found = await logitsOf(merged);
  found.forEach((value, i) => assert(Math.abs(value - alone[i]) < 1e-6));
});

Deno.test("a bottleneck refuses to be merged, and says why", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using adapter = injectBottleneck(model, { size: 2, seed: 1 });
  const live = device.ledger.read().live;
  assertThrows(() => merge(model, adapter), RangeError, "found bottlenecks");
  assertEquals(device.ledger.read().live, live);
});

Deno.test("a bias takes one BitFit adapter at a time", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  {
    using _ = injectBitFit(model);
    assertThrows(
      () => injectBitFit(model, { onTop: true }),
      RangeError,
      "biases that no adapter trains",
    );
  }
  using again = injectBitFit(model);
  assertEquals(again.parameters.length, 2 * 6 + 1);
});

Deno.test("adaptations of a layer act in their order, whether a low-rank one is fused or not", async () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  const [linear] = model.linears, scaling = 3;
  const triple = {
    parameters: [],
    forward: (tape: Tape, _: Tensor, y: Tensor) => scale(tape, y, scaling),
  };
  const outputs = async () => {
    using tape = new Tape(device, { record: false });
    const x = tape.activation([2, linear.weight.shape[1]], "x");
    device.write(x, Float32Array.from({ length: x.size }, (_, i) => Math.sin(i)));
    return await valuesOf(linear.forward(tape, x));
  };
  using _ = trainedLora(model);
  const plain = await outputs(), [q, v] = linear.adaptations;
  linear.adaptations.push(triple);
  const after = await outputs();
  after.forEach((value, i) => assert(Math.abs(value - scaling * plain[i]) < 1e-9));
  linear.adaptations.splice(0, 3, triple, q, v);
  assertNotEquals(await outputs(), after);
  linear.adaptations.splice(0, 3, q, v);
});

const formulas: Readonly<Record<string, string>> = {
  houlsby: "adapterHParameters",
  lin: "adapterLParameters",
  pfeiffer: "adapterPParameters",
  drop: "adapterDParameters",
};

for (const options of bottlenecks) {
  const variant = options.variant!;
  Deno.test(`a bottleneck of ${variant} has as many values as its formula, and another start is another adapter`, async () => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    const base = await logitsOf(model);
    using adapter = injectBottleneck(model, { ...options, init: "bert", seed: 5 });
    assertNotEquals(await logitsOf(model), base);
    const values = adapter.parameters.reduce((sum, { size }) => sum + size, 0);
    const letters = { d: 12, r: options.size, L: 2, ...(variant === "drop" && { L_drop: 1 }) };
    assertEquals(BigInt(values), evaluateFormula(formulas[variant], letters));
  });
}
