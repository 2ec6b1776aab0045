/** Models whose matrices are stored in F16 or BF16, beside the same values in F32. @module */

import { assert, assertEquals } from "@std/assert";
import { injectLora, type LoraOptions } from "../../src/adapt/mod.ts";
import { countParameters } from "../../src/architectures/architecture.ts";
import { halfTensors } from "../../src/architectures/registry.ts";
import { crossEntropy, Tape } from "../../src/autograd/mod.ts";
import type { HostData } from "../../src/core/tensor.ts";
import { Random } from "../../src/core/random.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import type { FloatDtype } from "../../src/formats/mod.ts";
import {
  generate,
  loadModel,
  type LoadModelOptions,
  outputsOf,
  saveModel,
  type TextModel,
} from "../../src/models/mod.ts";
import { predictMemory } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import type { Check } from "../support/devices.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { families, golden } from "../support/golden.ts";

type Half = Exclude<FloatDtype, "F32">;

const [batch, time] = [2, 5];
const inputs = {
  tokens: { shape: [batch, time], data: Uint32Array.from({ length: 10 }, (_, i) => 3 + i * 5 % 7) },
};

const folderOf = (name: string): string => golden(name === "gpt2_tiny" ? name : `families/${name}`);

/** Loads a golden model that was saved in 16 bits. */
async function withSaved(
  [name, dtype]: readonly [string, Half],
  use: (
    load: (device: Device, how?: LoadModelOptions) => Promise<TextModel>,
    folder: string,
  ) => Promise<void>,
): Promise<void> {
  await withFolder(async (folder) => {
    {
      using device = new ReferenceDevice();
      using model = await loadModel(device, folderOf(name));
      await saveModel(model, folder, dtype);
    }
    await use((device, how) => loadModel(device, folder, how), folder);
  });
}

/** Logits; of language models also greedy tokens, and the gradients of steps of LoRA. */
async function resultsOf(model: TextModel): Promise<(HostData | number[])[]> {
  const found: (HostData | number[])[] = [(await outputsOf(model, inputs)).data];
  if (model.isCausal) {
    found.push(await Array.fromAsync(generate(model, [3, 4, 5], { maxNewTokens: 4 })));
  }
  if (model.architecture.head !== "language") return found;
  found.push(...await gradientsOf(model, { rank: 2, targetModules: "all-linear", seed: 1 }));
  // Embeddings and the head; rank 1, as a table of token types may have a single row.
  const outer = model.outerLayers.map(({ name }) => name);
  return [...found, ...await gradientsOf(model, { rank: 1, targetModules: outer, seed: 1 })];
}

/** The gradients of an adapter with random values, after a step. */
async function gradientsOf(model: TextModel, options: LoraOptions): Promise<HostData[]> {
  using adapter = injectLora(model, options);
  const random = new Random(2);
  for (const { tensor, size } of adapter.parameters) {
    model.device.write(tensor, Float32Array.from({ length: size }, () => random.normal() / 4));
  }
  using tape = new Tape(model.device);
  const labels = { shape: [batch, time], data: Int32Array.from(inputs.tokens.data) };
  tape.backward(crossEntropy(tape, model.forward(tape, inputs), labels));
  const gradients = adapter.parameters.map((parameter) => tape.gradientOf(parameter)!);
  return (await model.device.read(...gradients)).map(({ data }) => data);
}

async function checkResults(device: Device, saved: readonly [string, Half]): Promise<void> {
  await withSaved(saved, async (load) => {
    using full = await load(device);
    using half = await load(device, { dtype: "auto" });
    assert(half.weights.has(half.outerLayers[0].weight.name), "the token embedding is in 16 bits");
    assertEquals(full.weights.size, 0);
    assertEquals(await resultsOf(half), await resultsOf(full));
  });
}

async function checkLedger(device: Device, saved: readonly [string, Half]): Promise<void> {
  await withSaved(saved, async (load) => {
    const before = device.ledger.read();
    {
      using model = await load(device, { dtype: "auto" });
      const { architecture } = model, halves = countParameters(halfTensors(architecture));
      const others = countParameters(architecture.tensors) - halves;
      const { byRole, byType } = device.ledger.read();
      assertEquals(byType[saved[1] === "F16" ? "f16" : "bf16"], 2 * halves);
      assertEquals(byRole.weight - before.byRole.weight, 2 * halves + 4 * others);
      using dry = new DryDevice();
      using _ = await load(dry, { dtype: "auto" });
      assertEquals(dry.ledger.read().byRole.weight, byRole.weight - before.byRole.weight);
    }
    assertEquals(device.ledger.read().live, before.live);
  });
}

/** A LoRA step takes the bytes that the dry device predicts from the configuration. */
async function checkPrediction(device: Device, saved: readonly [string, Half]): Promise<void> {
  await withSaved(saved, async (load) => {
    const adapt = (model: TextModel) => injectLora(model, { rank: 2, sites: "all", seed: 1 });
    device.ledger.resetPeak();
    using model = await load(device, { dtype: "auto" });
    using _adapter = adapt(model);
    using trainer = new Trainer(model, { learningRate: 0, steps: 1 });
    const targets = { shape: [batch, time], data: Int32Array.from(inputs.tokens.data) };
    trainer.step([{ inputs, targets }]);
    const found = device.ledger.read();
    const predicted = predictMemory(model.configJson(), {
      ...{ batch, length: time, dtype: saved[1] },
      adapt: (model) => void adapt(model),
    });
    assertEquals([found.byRole, found.peakByRole], [predicted.byRole, predicted.peakByRole]);
    assertEquals(found.byType, predicted.byType);
  });
}

async function checkSaved(device: Device, saved: readonly [string, Half]): Promise<void> {
  await withSaved(saved, async (load, folder) => {
    using model = await load(device, { dtype: "auto" });
    await withFolder(async (copy) => {
      await saveModel(model, copy);
      const [theirs, ours] = await Promise.all(
        [folder, copy].map((path) => Deno.readFile(`${path}/model.safetensors`)),
      );
      assertEquals(ours, theirs);
    });
  });
}

const languages = ["gpt2_tiny", "llama3_tied", "llama", "bert_masked", "deberta_masked"];

const parts: readonly [string, readonly string[], typeof checkResults][] = [
  [
    "results are those of the same values in F32, to the bit",
    ["gpt2_tiny", ...families],
    checkResults,
  ],
  [
    "the ledger counts half, and every byte is freed",
    ["gpt2_tiny", "llama", "bert_masked", "deberta_v2_convolution_masked"],
    checkLedger,
  ],
  ["a LoRA step takes the predicted bytes", languages, checkPrediction],
  ["saving writes the file that was loaded", ["gpt2_tiny", "qwen2", "roberta_masked"], checkSaved],
];

/** All of them. */
export const checks: readonly Check[] = parts.flatMap(([what, names, check]) =>
  names.flatMap((name) =>
    (["F16", "BF16"] as const).map((dtype): Check => ({
      name: `${name} in ${dtype}: ${what}`,
      run: (device) => check(device, [name, dtype]),
    }))
  )
);
