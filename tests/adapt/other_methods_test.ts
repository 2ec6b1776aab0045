/** What the interfaces of adapters bear beyond LoRA: BitFit, and bottlenecks after sublayers. */

import { assert, assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Adapter,
  injectBitFit,
  injectBottleneck,
  loadAdapter,
  merge,
  unmerge,
} from "../../src/adapt/mod.ts";
import { scale, Tape } from "../../src/autograd/mod.ts";
import { AdapterFileError } from "../../src/core/errors.ts";
import { Random } from "../../src/core/random.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import type { Model } from "../../src/models/mod.ts";
import { train } from "../../src/train/mod.ts";
import { assertGradients } from "../support/finite_differences.ts";
import {
  labels,
  logitsOf,
  lossOf,
  tinyModel,
  tokens,
  trainedLora,
  valuesOf,
  withFolder,
} from "./fixtures.ts";

const methods: Readonly<Record<string, (model: Model) => Adapter>> = {
  bitfit: (model) => injectBitFit(model, { onTop: true }),
  bottleneck: (model) => injectBottleneck(model, { size: 3, seed: 1, onTop: true }),
};

/** Gives everything that an adapter trains other values, as training would. */
async function disturb({ parameters }: Adapter): Promise<void> {
  const random = new Random(4);
  for (const { tensor } of parameters) {
    const values = await valuesOf(tensor);
    tensor.device.write(tensor, Float32Array.from(values, (x) => x + 0.3 * random.normal()));
  }
}

const onDevices = (name: string, run: (device: Device) => Promise<void>) => {
  Deno.test(`reference: ${name}`, async () => {
    using device = new ReferenceDevice();
    await run(device);
  });
  Deno.test(`cpu: ${name}`, async () => {
    using device = await openCpuDevice();
    await run(device);
  });
};

for (const [method, inject] of Object.entries(methods)) {
  Deno.test(`${method}: gradients equal finite differences`, async () => {
    using device = new ReferenceDevice();
    using model = tinyModel(device);
    using adapter = inject(model);
    await disturb(adapter);
    assertEquals(new Set(model.trainable()), new Set(adapter.parameters));
    await assertGradients(device, adapter.parameters, (tape) => lossOf(tape, model));
  });

  onDevices(
    `${method} starts as the base, and removing it gives the base back to the bit`,
    async (device) => {
      using model = tinyModel(device);
      const base = await logitsOf(model), before = device.ledger.read();
      {
        using adapter = inject(model);
        assertEquals(await logitsOf(model), base);
        await disturb(adapter);
        assertNotEquals(await logitsOf(model), base);
        const bytes = adapter.parameters.reduce((sum, { size }) => sum + 4 * size, 0);
        assertEquals(device.ledger.read().byRole.adapter - before.byRole.adapter, bytes);
        adapter.remove();
        adapter.remove();
        assertEquals(await logitsOf(model), base);
      }
      const after = device.ledger.read();
      assertEquals([after.byRole, after.padding], [before.byRole, before.padding]);
      assertEquals(model.trainable().length, model.parameters.size);
    },
  );

  onDevices(`${method} and LoRA train together, whichever came first`, async (device) => {
    for (const order of [[inject, trainedLora], [trainedLora, inject]]) {
      using model = tinyModel(device);
      using first = order[0](model);
      using second = order[1](model);
      const both = new Set([...first.parameters, ...second.parameters]);
      assertEquals(new Set(model.trainable()), both);
      const valuesNow = () => Promise.all([...both].map(({ tensor }) => valuesOf(tensor)));
      const before = await valuesNow(), targets = { shape: tokens.shape, data: labels };
      const options = { learningRate: 0.02, steps: 5 }, losses: number[] = [];
      for await (const { loss } of train(model, [{ inputs: { tokens }, targets }], options)) {
        losses.push(loss);
      }
      assert(losses[4] < losses[0], losses.join());
      (await valuesNow()).forEach((values, i) => assertNotEquals(values, before[i]));
      first.remove();
      assertEquals(new Set(model.trainable()), new Set(second.parameters));
    }
  });

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

onDevices("merged biases are the trained ones, to the bit", async (device) => {
  using model = tinyModel(device);
  const base = await logitsOf(model);
  using adapter = injectBitFit(model);
  using lora = trainedLora(model);
  await disturb(adapter);
  const adapted = await logitsOf(model);
  using onlyLora = merge(model, lora);
  assertNotEquals(await logitsOf(onlyLora), adapted);
  lora.remove();
  const biases = await logitsOf(model);
  const merged = merge(model, adapter);
  assertEquals(await logitsOf(merged), biases);
  adapter.remove();
  assertEquals(await logitsOf(merged), biases);
  assertEquals(await logitsOf(unmerge(merged)), base);
});

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
