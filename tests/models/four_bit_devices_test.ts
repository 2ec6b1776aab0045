/** Models whose blocks are in 4 bits, beside the values that these stand for in F32. */

import { assert, assertEquals } from "@std/assert";
import { trainingBytes } from "../../src/accounting/mod.ts";
import { countParameters } from "../../src/architectures/architecture.ts";
import { fourBitTensors } from "../../src/architectures/registry.ts";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import type { HostData } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import {
  generate,
  loadModel,
  type LoadModelOptions,
  type TextModel,
} from "../../src/models/mod.ts";
import { dequantize, quantize, type QuantizeOptions } from "../../src/quant/mod.ts";
import { allocateMethod, applyMethod, type MethodSpec, predictMemory } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { logitsOf, valuesOf } from "../adapt/fixtures.ts";
import { disturb, inputs, targetsOf, train } from "../adapt/method_cases.ts";
import { assertAllClose } from "../support/all_close.ts";
import { type Check, coreDevices, testOn, webgpu } from "../support/devices.ts";
import { golden } from "../support/golden.ts";
import "../support/open_lapack.ts";

const folderOf = (name: string): string => golden(name === "gpt2_tiny" ? name : `families/${name}`);

const forms: readonly LoadModelOptions[] = [
  { dtype: "nf4" },
  { dtype: "fp4", blockSize: 32, doubleQuantization: false },
];

const quantizeOptions = ({ dtype, ...others }: LoadModelOptions): QuantizeOptions => ({
  code: dtype as "nf4" | "fp4",
  ...others,
});

/** The model in F32 with the values that the weights of another stand for. */
async function dequantizedCopy(model: TextModel, name: string): Promise<TextModel> {
  const { device } = model, copy = await loadModel(device, folderOf(name));
  for (const [key, weight] of model.weights) {
    using dense = weight.dense();
    device.write(copy.parameters.get(key)!.own, Float32Array.from(await valuesOf(dense)));
  }
  return copy;
}

/** Adapters of every kind, on every linear layer where they have a choice. */
const methods: readonly MethodSpec[] = [
  { kind: "lora", rank: 2, targetModules: "all-linear" },
  { kind: "lora", rank: 2, targetModules: "all-linear", dora: true },
  { kind: "lora", rank: 2, targetModules: "all-linear", init: "pissa" },
  { kind: "vera", rank: 5 },
  { kind: "bottleneck", size: 2 },
  { kind: "prefix-embedding", length: 2 },
  { kind: "prefix-layer", length: 2 },
  { kind: "prefix-tuning", length: 2 },
  { kind: "lora+prefix-layer", rank: 2, length: 2 },
];

/** Logits, the loss and the gradients of an adapter whose values are those of a trained one. */
async function stepOf(model: TextModel, method: MethodSpec): Promise<HostData[]> {
  using adapter = await applyMethod(model, method, 3);
  await disturb(adapter!);
  using tape = new Tape(model.device);
  const logits = model.forward(tape, inputs);
  const loss = crossEntropy(tape, logits, targetsOf(model).data);
  tape.backward(loss);
  const gradients = adapter!.parameters.map((parameter) => tape.gradientOf(parameter)!);
  return (await model.device.read(logits, loss, ...gradients)).map(({ data }) => data);
}

/** The most that a gradient may differ, as a share of the largest of its tensor. */
const share = 1e-6;

async function checkMethod(device: Device, name: string, method: MethodSpec): Promise<void> {
  using model = await loadModel(device, folderOf(name), { dtype: "nf4" });
  using copy = await dequantizedCopy(model, name);
  const [own, expected] = [await stepOf(model, method), await stepOf(copy, method)];
  assertEquals(own.length, expected.length);
  for (const [i, values] of own.entries()) {
    const largest = Math.max(...Array.from(expected[i], Math.abs));
    assertAllClose(values, expected[i], { relative: 0, absolute: share * Math.max(1, largest) });
  }
  assert(own.slice(2).some((values) => values.some((value) => Math.abs(value) > 1e-3)));
}

/** Weights are those of `quantize`, in the orientation (out, in), and the rest is as it was. */
async function checkValues(device: Device, name: string): Promise<void> {
  using full = await loadModel(device, folderOf(name));
  for (const form of forms) {
    using model = await loadModel(device, folderOf(name), form);
    const names = fourBitTensors(model.architecture).map(({ name }) => name);
    assertEquals([...model.weights.keys()].sort(), names.sort());
    assert(names.length > 0);
    for (const [key, { own }] of full.parameters) {
      const values = Float32Array.from(await valuesOf(own)), weight = model.weights.get(key);
      if (!weight) {
        assertEquals(Float32Array.from(await valuesOf(model.parameters.get(key)!.own)), values);
        continue;
      }
      const { data } = dequantize(
        quantize({ shape: own.shape, data: values }, quantizeOptions(form)),
      );
      using dense = weight.dense();
      // Only `cpu` rounds a scale as bitsandbytes does.
      const relative = device.kind === "cpu" ? 0 : 2 ** -22;
      assertAllClose(await valuesOf(dense), data, { relative, absolute: 0, what: key });
    }
  }
}

/** Bytes by role: those of the formulas and of the tables of the codes. */
async function checkLedger(device: Device, name: string): Promise<void> {
  const before = device.ledger.read();
  {
    using model = await loadModel(device, folderOf(name), { dtype: "nf4" });
    const { byRole } = device.ledger.read(), { architecture } = model;
    const packed = fourBitTensors(architecture), blocks = new Set(packed);
    const others = countParameters(architecture.tensors.filter((spec) => !blocks.has(spec)));
    assertEquals(byRole.weight - before.byRole.weight, 4 * others);
    const linears = architecture.linears.filter(({ tensors: [weight] }) => blocks.has(weight));
    const lora = { rank: 1, targetModules: "all-linear" } as const;
    const formula = trainingBytes({ ...architecture, linears }, "nf4-double", lora).quantized;
    assertEquals(byRole.quantized, formula + packed.length * 4 * (16 + 256));
    using dry = new DryDevice();
    using _ = await loadModel(dry, folderOf(name), { dtype: "nf4" });
    assertEquals(dry.ledger.read().byRole.quantized, byRole.quantized);
    assertEquals(dry.ledger.read().byRole.weight, byRole.weight - before.byRole.weight);
  }
  assertEquals(device.ledger.read().live, before.live);
}

/** A label for each token, or for each row. */
const labelsOfAll = (model: TextModel) =>
  model.architecture.head === "classes"
    ? targetsOf(model)
    : { ...inputs.tokens, data: Int32Array.from(inputs.tokens.data) };

/** A step of a method takes the bytes that are predicted from the configuration alone. */
async function checkPrediction(device: Device, name: string): Promise<void> {
  for (const form of forms) {
    const adapt = (model: TextModel) =>
      allocateMethod(model, { kind: "lora", rank: 2, targetModules: "all-linear" }, 1)!;
    device.ledger.resetPeak();
    using model = await loadModel(device, folderOf(name), form);
    using _adapter = adapt(model);
    using trainer = new Trainer(model, { learningRate: 0, steps: 1 });
    trainer.step([{ inputs, targets: labelsOfAll(model) }]);
    const found = device.ledger.read(), [batch, length] = inputs.tokens.shape;
    const predicted = predictMemory(model.configJson(), {
      ...{ batch, length, ...form as { readonly dtype: "nf4" } },
      adapt: (model) => void adapt(model),
    });
    assertEquals([found.byRole, found.peakByRole], [predicted.byRole, predicted.peakByRole]);
    assertEquals(found.byType, predicted.byType);
  }
}

/** Training an adapter lowers the loss, and leaves every byte of the base as it was. */
async function checkTraining(device: Device, name: string): Promise<void> {
  using model = await loadModel(device, folderOf(name), { dtype: "nf4" });
  const before = await logitsOf(model, inputs), { live } = device.ledger.read();
  const lossOf = async () => {
    using tape = new Tape(device, { record: false });
    const outputs = model.forward(tape, inputs);
    return (await valuesOf(crossEntropy(tape, outputs, targetsOf(model).data)))[0];
  };
  {
    const first = await lossOf();
    using _ = allocateMethod(model, { kind: "lora", rank: 2, targetModules: "all-linear" }, 1);
    train(model, 20);
    assert(await lossOf() < 0.95 * first);
  }
  assertEquals(await logitsOf(model, inputs), before);
  if (model.isCausal) {
    using copy = await dequantizedCopy(model, name);
    const textOf = (one: TextModel) =>
      Array.fromAsync(generate(one, [3, 4, 5], { maxNewTokens: 4 }));
    assertEquals(await textOf(model), await textOf(copy));
  }
  assertEquals(device.ledger.read().live, live);
}

const decoders = ["gpt2_tiny", "llama", "qwen2"];
const encoders = ["bert_masked", "roberta_masked", "deberta_masked", "deberta_v2_masked"];

const parts: readonly [string, readonly string[], typeof checkValues][] = [
  [
    "weights of blocks are quantized, and nothing else",
    [...decoders, ...encoders, "bert_classifier", "llama_classifier"],
    checkValues,
  ],
  ["the ledger has the formulas' bytes, all of which are freed", [
    ...decoders,
    ...encoders,
  ], checkLedger],
  ["a LoRA step takes the predicted bytes", [...decoders, ...encoders], checkPrediction],
  ["an adapter trains on it and leaves it as it was", [...decoders, ...encoders], checkTraining],
];

const checks: readonly Check[] = [
  ...parts.flatMap(([what, names, check]) =>
    names.map((name): Check => ({
      name: `${name} in 4 bits: ${what}`,
      run: (device) => check(device, name),
    }))
  ),
  ...["gpt2_tiny", "llama", "bert_masked", "deberta_masked"].flatMap((name) =>
    methods.filter(({ kind }) => kind !== "prefix-tuning" || name !== "deberta_masked")
      .map((method): Check => ({
        name: `${name} in 4 bits: ${
          JSON.stringify(method)
        } has the gradients of the dequantized base`,
        run: (device) => checkMethod(device, name, method),
      }))
  ),
];

await testOn(coreDevices, checks);

// On webgpu every program is compiled for each model, so two stand for all.
await testOn(
  [webgpu],
  checks.filter(({ name }) =>
    /^(gpt2_tiny|llama) in 4 bits: (.*(lora|vera|bottleneck|prefix-tuning)"|weights of)/.test(name)
  ),
);
