/** Activation checkpointing of every family under its methods: the same gradients, from more launches. */

import { assert, assertEquals } from "@std/assert";
import { crossEntropy, Tape, type TapeOptions } from "../../src/autograd/mod.ts";
import type { HostData } from "../../src/core/host_tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { loadModel, type LoadModelOptions, type TextModel } from "../../src/models/mod.ts";
import { FourBitWeight } from "../../src/nn/mod.ts";
import type { MethodSpec } from "../../src/runs/mod.ts";
import { disturb, families, inject, inputs, targetsOf } from "../adapt/method_cases.ts";
import { assertAllClose } from "../support/all_close.ts";
import { type Check, coreDevices, testOn, webgpu } from "../support/devices.ts";
import { golden } from "../support/golden.ts";

/** Golden models, among them one whose first block has a convolution. */
const models: Readonly<Record<string, string>> = {
  ...families,
  qwen2: "families/qwen2",
  "deberta_v2 with a convolution": "families/deberta_v2_convolution",
};

const lora = { kind: "lora", rank: 2, targetModules: "all-linear" } as const;

/** What is trained, the families that it does not fit, and how the base is stored; in F32 if absent. */
interface Case extends Pick<LoadModelOptions, "dtype"> {
  readonly spec: MethodSpec;
  readonly not?: readonly string[];
}

const methods: readonly Case[] = [
  { spec: { kind: "full" } },
  { spec: { ...lora, dropout: 0.3 } },
  { spec: { ...lora, dora: true, dropout: 0.3 } },
  { spec: { kind: "bitfit" }, not: ["llama"] },
  { spec: { kind: "top-layers", layers: 1 } },
  { spec: { kind: "vera", rank: 3 } },
  { spec: { kind: "bottleneck", size: 2 } },
  { spec: { kind: "bottleneck", variant: "lin", size: 2 } },
  { spec: { kind: "prefix-embedding", length: 2 } },
  { spec: { kind: "prefix-layer", length: 2 } },
  { spec: { kind: "prefix-tuning", length: 2 }, not: Object.keys(models).filter(isDeberta) },
  { spec: { kind: "lora+prefix-layer", rank: 2, length: 2 } },
  { spec: { ...lora, dropout: 0.3 }, dtype: "nf4" },
  { spec: { kind: "bottleneck", size: 2 }, dtype: "nf4" },
];

function isDeberta(family: string): boolean {
  return family.startsWith("deberta");
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
  using adapter = spec.kind === "full" ? undefined : inject(model, { spec, merges: false });
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

await testOn(coreDevices, exactChecks);
await testOn([webgpu], closeChecks);
