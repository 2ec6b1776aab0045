/**
 * A GPT-2 whose linear layers are stored in F16, beside one in F32 that has the same values.
 */

import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  injectBitFit,
  injectBottleneck,
  injectLora,
  injectPrefixEmbedding,
  injectPrefixLayer,
  injectPrefixTuning,
  loadAdapter,
  merge,
  mergeReport,
  plantShift,
  unmerge,
} from "../../src/adapt/mod.ts";
import { Tape } from "../../src/autograd/mod.ts";
import { float16ToFloat32, float32ToFloat16 } from "../../src/core/float_types.ts";
import type { HostData } from "../../src/core/tensor.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { Gpt2, saveModel } from "../../src/models/mod.ts";
import type { Adaptation, Weight } from "../../src/nn/mod.ts";
import { train } from "../../src/train/mod.ts";
import {
  assertLearns,
  labels,
  logitsOf,
  lossOf,
  tinyModel,
  tokens,
  trainedLora,
  valuesOf,
} from "../adapt/fixtures.ts";
import { assertAllClose } from "../support/all_close.ts";
import { Scope } from "../../src/device/arena.ts";
import { halfWeight } from "./fixtures.ts";
import { allDevices, type Check, testOn } from "../support/devices.ts";

/** The tiny model with weights that F16 can hold. */
async function denseModel(device: Device): Promise<Gpt2> {
  const model = tinyModel(device);
  for (const { weight } of model.linears) {
    const { tensor } = weight.parameter!, values = Float32Array.from(await valuesOf(tensor));
    device.write(tensor, Float32Array.from(float16ToFloat32(float32ToFloat16(values))));
  }
  return model;
}

/** The same with linear layers in F16; it borrows all else from the dense one. */
async function halfModel(dense: Gpt2): Promise<Gpt2> {
  const { device } = dense, owned = new Scope(device);
  const tensors = new Map<string, Tensor | Weight>();
  for (const [name, { own }] of dense.parameters) tensors.set(name, own);
  for (const { weight } of dense.linears) {
    const [values] = await device.read(weight.parameter!.own);
    tensors.set(weight.name, halfWeight(owned, weight.name, values));
  }
  return new Gpt2(device, dense.configJson(), tensors, owned);
}

/** Runs on both, each with the tensors that it would have alone. */
async function onBoth<T>(device: Device, run: (model: Gpt2) => Promise<T>): Promise<[T, T]> {
  using dense = await denseModel(device);
  using half = await halfModel(dense);
  return [await run(dense), await run(half)];
}

const selections = [{ sites: ["q", "v"] }, { targetModules: "all-linear" }] as const;

/** Logits, and the gradients of the adapter's parameters. */
async function loraStep(model: Gpt2, selection: (typeof selections)[number]): Promise<HostData[]> {
  const { device } = model;
  using adapter = trainedLora(model, { ...selection, dropout: 0.2 });
  const logits = await logitsOf(model, { tokens }, { dropoutSeed: 3 });
  using tape = new Tape(device, { dropoutSeed: 3 });
  tape.backward(lossOf(tape, model));
  const gradients = adapter.parameters.map((parameter) => tape.gradientOf(parameter)!);
  const values = await device.read(...gradients);
  return [logits, ...values.map(({ data }) => data)];
}

const properties: readonly Check[] = [
  {
    name: "the forward pass is that of the same values in F32, to the bit",
    async run(device) {
      const [dense, half] = await onBoth(device, (model) => logitsOf(model));
      assertEquals(half, dense);
    },
  },
  {
    name: "a LoRA step's logits and gradients are those of the same values in F32, to the bit",
    async run(device) {
      for (const selection of selections) {
        const [dense, half] = await onBoth(device, (model) => loraStep(model, selection));
        assertEquals(half, dense);
      }
    },
  },
  {
    name: "LoRA's own forward, equation 3, is what a layer fuses with its weight",
    async run(device, epsilon) {
      const unchanged: Adaptation = {
        parameters: [],
        forward: (_tape, _x, y) => y,
      };
      for (const selection of selections) {
        using model = await denseModel(device);
        const fused = await loraStep(model, selection);
        for (const { adaptations } of model.linears) adaptations.unshift(unchanged);
        const apart = await loraStep(model, selection);
        const close = { relative: 100 * epsilon, absolute: 100 * epsilon };
        apart.forEach((values, i) => assertAllClose(values, fused[i], close));
      }
    },
  },
  {
    name: "a whole model is not trained, nor a copy of its weights, where they are not in F32",
    async run(device) {
      using dense = await denseModel(device);
      using model = await halfModel(dense);
      const batches = [{ inputs: { tokens }, targets: { shape: tokens.shape, data: labels } }];
      assertThrows(
        () => train(model, batches, { learningRate: 0.02, steps: 1 }),
        RangeError,
        "needs all of it in F32, found 8 weights in 16 bits (transformer.h.0.attn.c_attn.weight, …)",
      );
      assertThrows(
        () => injectLora(model, { rank: 1, sites: ["q"], seed: 1, modulesToSave: ["h.0.mlp"] }),
        RangeError,
        "must name modules in F32, found transformer.h.0.mlp.c_fc.weight in 16 bits",
      );
    },
  },
  {
    name: "planting a shift, which writes weights, refuses it by name",
    async run(device) {
      using dense = await denseModel(device);
      using model = await halfModel(dense);
      const shift = { sites: ["q"], rank: 1, ratio: 1, share: 0.1, seed: 1 };
      await assertRejects(
        () => plantShift(model, shift),
        RangeError,
        "found another storage in transformer.h.0.attn.c_attn:q",
      );
    },
  },
  {
    name: "every kind of adapter trains on it, and its F16 bytes do not change",
    async run(device) {
      using dense = await denseModel(device);
      const before = await logitsOf(dense);
      using model = await halfModel(dense);
      const byType = device.ledger.read().byType, live = device.ledger.read().live;
      const halves = model.linears.reduce((sum, { weight }) => sum + weight.bytes, 0);
      assertEquals(byType.f16, halves);
      assertEquals(halves, 2 * 2 * (36 * 12 + 12 * 12 + 2 * 48 * 12));
      const adapters = [
        () => injectLora(model, { rank: 2, sites: "all", seed: 1 }),
        () => injectBitFit(model),
        () => injectBottleneck(model, { size: 2, seed: 1 }),
        () => injectPrefixEmbedding(model, { length: 2, seed: 1 }),
        () => injectPrefixLayer(model, { length: 2, seed: 1 }),
        () => injectPrefixTuning(model, { length: 2, seed: 1 }),
      ];
      for (const inject of adapters) {
        using _ = inject();
        await assertLearns(model);
      }
      assertEquals(await logitsOf(model), before);
      assertEquals(device.ledger.read().live, live);
    },
  },
  {
    name: "merging makes F32 weights of it, the report knows how much of ΔW there is",
    async run(device) {
      const [dense, half] = await onBoth(device, async (model) => {
        using adapter = trainedLora(model, { sites: "all" });
        const merged = merge(model, adapter);
        const logits = await logitsOf(merged);
        assert(unmerge(merged) === model);
        return [logits, await mergeReport(model, adapter)];
      });
      assertEquals(half, dense);
    },
  },
  {
    name: "a saved model and a saved adapter are those of the same values in F32",
    async run(device) {
      const [dense, half] = await onBoth(device, async (model) => {
        const folder = await Deno.makeTempDir();
        try {
          using adapter = trainedLora(model, { sites: ["q", "v"] });
          await adapter.save(`${folder}/adapter`);
          await saveModel(model, `${folder}/model`);
          adapter.remove();
          using _ = await loadAdapter(model, `${folder}/adapter`);
          const names = ["model/model", "adapter/adapter_model"];
          return await Promise.all(
            names.map((name) => readSafetensors(`${folder}/${name}.safetensors`)),
          );
        } finally {
          await Deno.remove(folder, { recursive: true });
        }
      });
      assertEquals(half, dense);
    },
  },
];

await testOn(allDevices, properties);
