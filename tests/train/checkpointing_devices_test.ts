/** Activation checkpointing: the same gradients from more launches, of every family under its methods; its bytes, and runs with it. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { gpt2ConfigJson } from "../../src/architectures/families/gpt2.ts";
import { crossEntropy, Tape, type TapeOptions } from "../../src/autograd/mod.ts";
import type { HostData } from "../../src/core/tensor.ts";
import type { Device } from "../../src/device/device.ts";
import {
  allocateModel,
  loadModel,
  type LoadModelOptions,
  parseGpt2Config,
  type TextModel,
} from "../../src/models/mod.ts";
import { FourBitWeight } from "../../src/nn/mod.ts";
import { allocateMethod, type MethodSpec, predictMemory, run } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { disturb, families, inject, inputs, targetsOf } from "../adapt/method_cases.ts";
import { tinyOptions, tinySpec } from "../runs/fixtures.ts";
import { assertAllClose } from "../support/all_close.ts";
import { type Check, coreDevices, cpu, testOn, webgpu } from "../support/devices.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { golden } from "../support/golden.ts";
import { randomBatches } from "./fixtures.ts";

/** Golden models, among them one whose first block has a convolution. */
const models: Readonly<Record<string, string>> = {
  ...families,
  qwen2: "families/qwen2",
  qwen3: "families/qwen3",
  mpnet: "families/mpnet_classifier",
  "gpt_neox with an MLP after attention": "families/gpt_neox_serial",
  "deberta_v2 with a convolution": "families/deberta_v2_convolution",
};

const lora = { kind: "lora", rank: 2, targetModules: "all-linear" } as const;

/** A method, the families that it does not fit, and the storage of the base; F32 if absent. */
interface Case extends Pick<LoadModelOptions, "dtype"> {
  readonly spec: MethodSpec;
  readonly not?: readonly string[];
}

const methods: readonly Case[] = [
  { spec: { kind: "full" } },
  { spec: { ...lora, dropout: 0.3 } },
  { spec: { ...lora, dora: true, dropout: 0.3 } },
  { spec: { kind: "bitfit" }, not: ["llama", "qwen3"] },
  { spec: { kind: "top-layers", layers: 1 } },
  { spec: { kind: "vera", rank: 3 }, not: ["mpnet"] }, // PEFT has no default modules for it.
  { spec: { kind: "bottleneck", size: 2 } },
  { spec: { kind: "bottleneck", variant: "lin", size: 2 } },
  { spec: { kind: "prefix-embedding", length: 2 } },
  { spec: { kind: "prefix-layer", length: 2 } },
  { spec: { kind: "prefix-tuning", length: 2 }, not: Object.keys(models).filter(hasDistances) },
  { spec: { kind: "lora+prefix-layer", rank: 2, length: 2 } },
  { spec: { ...lora, dropout: 0.3 }, dtype: "nf4" },
  { spec: { kind: "bottleneck", size: 2 }, dtype: "nf4" },
];

function hasDistances(family: string): boolean {
  return /^(deberta|mpnet)/.test(family);
}

/** The loss and the gradients by name, and how many launches they took. */
async function gradientsOf(model: TextModel, options: TapeOptions) {
  const { device } = model, before = launchesOf(device);
  using tape = new Tape(device, options);
  const loss = crossEntropy(tape, model.forward(tape, inputs), targetsOf(model).data);
  tape.backward(loss);
  const trained = model.trainable().filter((one) => tape.gradientOf(one));
  const values = await device.read(loss, ...trained.map((one) => tape.gradientOf(one)!));
  const names = ["loss", ...trained.map(({ name }) => name)];
  const found = new Map(names.map((name, i) => [name, values[i].data]));
  return { found, launches: launchesOf(device) - before };
}

const launchesOf = ({ ledger }: Device): number =>
  [...ledger.launches.values()].reduce((sum, count) => sum + count, 0);

type Compare = (found: HostData, expected: HostData, what: string) => void;

async function checkGradients(device: Device, folder: string, kept: Case, same: Compare) {
  const { spec, dtype } = kept;
  using model = await loadModel(device, golden(folder), { dropout: 0.2, dtype });
  const quantized = [...model.weights.values()].filter((one) => one instanceof FourBitWeight);
  assertEquals(quantized.length > 0, dtype === "nf4");
  using adapter = spec.kind === "full" ? undefined : await inject(model, { spec, merges: false });
  if (adapter) await disturb(adapter);
  const { live } = device.ledger.read(), method = JSON.stringify({ spec, dtype });
  for (const dropoutSeed of [undefined, 7]) {
    const plain = await gradientsOf(model, { dropoutSeed });
    const again = await gradientsOf(model, { dropoutSeed, activationCheckpointing: true });
    assertEquals([...again.found.keys()], [...plain.found.keys()], method);
    for (const [name, expected] of plain.found) {
      same(again.found.get(name)!, expected, `${name}, ${method}`);
    }
    assert(again.launches > plain.launches, `${method}: ${again.launches} launches`);
    assertEquals(device.ledger.read().live, live, method);
  }
}

const checksOf = (same: Compare, kept = methods): Check[] =>
  Object.entries(models).map(([family, folder]) => ({
    name: `${family}: blocks computed once more give the same gradients`,
    run: async (device: Device) => {
      for (const one of kept) {
        if (!one.not?.includes(family)) await checkGradients(device, folder, one, same);
      }
    },
  }));

/** To the bit. */
const exactChecks: readonly Check[] = checksOf(assertEquals);

const close: Compare = (found, expected, what) =>
  assertAllClose(found, expected, { relative: 1e-5, absolute: 1e-6, what });

/** As far as F32 goes, with LoRA alone: a software adapter compiles each program of each model. */
const closeChecks: readonly Check[] = checksOf(close, [{ spec: { ...lora, dropout: 0.3 } }]);

const rows = 6, time = 16, width = 24;

const configOf = (n_layer: number, dropout = 0) =>
  gpt2ConfigJson(parseGpt2Config({
    ...{ vocab_size: 31, n_positions: time, n_embd: width, n_layer, n_head: 4 },
    ...{ embd_pdrop: dropout, resid_pdrop: dropout },
  }));

const stepMethods: readonly MethodSpec[] = [
  { kind: "full" },
  { kind: "lora", rank: 2, sites: "all", dropout: 0.1 },
  { kind: "bottleneck", size: 4 },
  { kind: "prefix-layer", length: 2 },
];

/** Activations at the peak of a step on paper. */
function predicted(
  layers: number,
  method: MethodSpec,
  activationCheckpointing: boolean,
) {
  const length = time - ("length" in method ? method.length : 0);
  return predictMemory(configOf(layers, 0.1), {
    ...{ batch: rows, length, activationCheckpointing },
    adapt: (model) => allocateMethod(model, method, 1),
  });
}

function checkBytes(device: Device, method: MethodSpec): void {
  const length = time - ("length" in method ? method.length : 0);
  const [batch] = randomBatches(1, { rows, time: length, vocabulary: 31, lastLabel: 0 });
  const peaks = [false, true].map((activationCheckpointing) => {
    device.ledger.resetPeak();
    using model = allocateModel(device, configOf(12, 0.1));
    using _ = allocateMethod(model, method, 1);
    const settings = { learningRate: 0, steps: 1, activationCheckpointing };
    using trainer = new Trainer(model, settings);
    const { live } = device.ledger.read();
    trainer.step([batch]);
    const found = device.ledger.read();
    assertEquals(found, predicted(12, method, activationCheckpointing));
    assertEquals(found.live, live);
    return found.peakByRole.activation;
  });
  assertEquals(device.ledger.read().live, 0);
  const state = 4 * rows * time * width;
  assert(peaks[1] < peaks[0] / 3, `${peaks[1]} bytes with, ${peaks[0]} without`);
  const more = predicted(13, method, true).peakByRole.activation;
  assertEquals(more - peaks[1], state, "one more block keeps one more state");
}

const withCheckpoints = (steps: number) => {
  const spec = tinySpec(steps);
  return { ...spec, training: { ...spec.training, activationCheckpointing: true } };
};

const checkRun = (device: Device) =>
  withFolder(async (folder) => {
    const options = tinyOptions(folder, device);
    const [plain, again] = [
      await run(tinySpec(6), options),
      await run(withCheckpoints(6), options),
    ];
    assertEquals(again.log, plain.log);
    const weights = ({ folder }: typeof plain) =>
      Deno.readFile(`${folder}/adapter/adapter_model.safetensors`);
    assertEquals(await weights(again), await weights(plain));
    assert(again.folder !== plain.folder, "its bytes are another result");
  });

const checkResumed = (device: Device) =>
  withFolder(async (folder) => {
    const spec = withCheckpoints(9), options = tinyOptions(folder, device);
    const controller = new AbortController(), { signal } = controller;
    const onProgress = ({ step }: { step: number }) => {
      if (step === 3) controller.abort(new Error("enough"));
    };
    await assertRejects(() => run(spec, { ...options, onProgress, signal }), Error, "enough");
    assertEquals(device.ledger.read().live, 0);
    const { log, exact, ledger } = await run(spec, options);
    const whole = await run(spec, tinyOptions(`${folder}/whole`, device));
    assertEquals([log, exact, ledger], [whole.log, true, whole.ledger]);
  });

const stepChecks: readonly Check[] = [
  ...stepMethods.map((method) => ({
    name:
      `${method.kind}: a step of 12 blocks takes the bytes that dry predicts, fewer with checkpoints`,
    run: (device: Device) => checkBytes(device, method),
  })),
  {
    name: "a run with checkpoints has the losses and the adapter of one without",
    run: checkRun,
  },
  {
    name: "a run with checkpoints that is stopped and resumed equals one that is not",
    run: checkResumed,
  },
];

await testOn(coreDevices, exactChecks);
await testOn([cpu], stepChecks);
await testOn([webgpu], closeChecks);
