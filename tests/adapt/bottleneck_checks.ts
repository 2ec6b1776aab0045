/**
 * Bottlenecks of every variant on every family; `bottleneck_test.ts` and `bottleneck_parts_test.ts` run them.
 *
 * @module
 */

import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { evaluateFormula } from "../../src/accounting/mod.ts";
import {
  type BottleneckAdapter,
  type BottleneckOptions,
  injectBottleneck,
  loadAnyAdapter,
} from "../../src/adapt/mod.ts";
import type { ModelInputs } from "../../src/core/batch.ts";
import { Random } from "../../src/core/random.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { allocateModel, loadModel, readConfig } from "../../src/models/mod.ts";
import { type Batch, train, Trainer } from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { golden } from "../support/golden.ts";
import type { Check } from "../support/devices.ts";
import { logitsOf, tokens, valuesOf, withFolder } from "./fixtures.ts";

/** A model of each family that runs. */
export const bases: readonly string[] = [
  ...["gpt2_tiny", "families/bert_masked", "families/roberta_masked", "families/llama"],
  ...["families/deberta_masked", "families/deberta_v2_masked", "families/qwen2"],
  ...["families/deberta_v2_convolution_masked", "families/mistral"],
];

const size = 3;

/** The variants of the paper, each on two layers. */
export const variants: Readonly<Record<string, BottleneckOptions>> = {
  houlsby: { variant: "houlsby", size },
  lin: { variant: "lin", size },
  pfeiffer: { variant: "pfeiffer", size },
  drop: { variant: "drop", size, leaveOut: [0] },
};

const formulas: Readonly<Record<string, string>> = {
  houlsby: "adapterHParameters",
  lin: "adapterLParameters",
  pfeiffer: "adapterPParameters",
  drop: "adapterDParameters",
};

const letters = (d: number, variant: string) => {
  return { d, r: size, L: 2, ...(variant === "drop" && { L_drop: 1 }) };
};

const open = (device: Device, base: string) => loadModel(device, golden(base));

const countOf = ({ parameters }: BottleneckAdapter) =>
  parameters.reduce((sum, { size }) => sum + size, 0);

/** Gives every value of an adapter another one, as training would. */
export async function disturb({ parameters }: BottleneckAdapter): Promise<void> {
  const random = new Random(4);
  for (const { tensor } of parameters) {
    const values = await valuesOf(tensor);
    tensor.device.write(tensor, Float32Array.from(values, (x) => x + 0.3 * random.normal()));
  }
}

/** One batch, with the next token or the token itself as the label. */
export const batch: Batch<ModelInputs> = {
  inputs: { tokens },
  targets: { shape: tokens.shape, data: Int32Array.from(tokens.data, (id) => (id + 1) % 11) },
};

async function checkStart(device: Device, base: string, variant: string): Promise<void> {
  using model = await open(device, base);
  const before = await logitsOf(model), ledger = device.ledger.read();
  {
    using adapter = injectBottleneck(model, variants[variant]);
    assertEquals(await logitsOf(model), before);
    const [{ width }] = adapter.places, values = countOf(adapter);
    assertEquals(BigInt(values), evaluateFormula(formulas[variant], letters(width, variant)));
    assertEquals(device.ledger.read().byRole.adapter - ledger.byRole.adapter, 4 * values);
    await disturb(adapter);
    assertNotEquals(await logitsOf(model), before);
    adapter.remove();
    assertEquals(await logitsOf(model), before);
  }
  {
    using _near = injectBottleneck(model, { ...variants[variant], init: "bert", seed: 5 });
    assertNotEquals(await logitsOf(model), before);
  }
  assertEquals(device.ledger.read().byRole, ledger.byRole);
  assertEquals(await logitsOf(model), before);
}

async function checkTraining(device: Device, base: string, variant: string): Promise<void> {
  using model = await open(device, base);
  const before = await logitsOf(model), parameters = [...model.parameters.values()];
  const frozen = async () => (await device.read(...parameters.map(({ own }) => own)));
  const weights = await frozen();
  using adapter = injectBottleneck(model, { ...variants[variant], init: "bert" });
  assertEquals(new Set(model.trainable()), new Set(adapter.parameters));
  const losses = await trainedLosses(adapter, 8);
  assert(losses[7] < losses[0], losses.join());
  assertEquals(await frozen(), weights);
  const trained = await logitsOf(model);
  await withFolder(async (folder) => {
    await adapter.save(folder, { baseModelName: "tiny" });
    adapter.remove();
    assertEquals(await logitsOf(model), before);
    using again = await loadAnyAdapter(model, folder);
    const names = adapter.parameters.map(({ name }) => name), loaded = await logitsOf(model);
    assertEquals(again.parameters.map(({ name }) => name), names);
    // A file has F32, to which `reference` rounds its float64 on the way.
    const absolute = device.kind === "reference" ? 1e-5 : 0;
    assertAllClose(loaded, trained, { absolute, relative: 0, what: "logits" });
    await again.save(folder);
    again.remove();
    using _third = await loadAnyAdapter(model, folder);
    assertEquals(await logitsOf(model), loaded);
  });
}

/** Losses of steps on {@link batch}. */
async function trainedLosses(
  adapter: BottleneckAdapter,
  steps: number,
): Promise<readonly number[]> {
  return (await train(adapter, [batch], { learningRate: 0.02, steps }).finish()).loss;
}

async function checkLedgers(device: Device, base: string, variant: string): Promise<void> {
  const config = await readConfig(golden(base));
  const ledgerOf = (device: Device) => {
    device.ledger.resetPeak();
    using model = allocateModel(device, config);
    using _adapter = injectBottleneck(model, variants[variant]);
    using trainer = new Trainer(model, { learningRate: 1e-3, steps: 2 });
    for (let step = 0; step < 2; step++) trainer.step([batch]);
    return device.ledger.read();
  };
  using dry = new DryDevice();
  assertEquals(ledgerOf(device), ledgerOf(dry));
}

const rules: Readonly<Record<string, typeof checkStart>> = {
  "start as the base, count as the formula, and leave the base its bits": checkStart,
  "train, are saved and loaded, and nothing else changes": checkTraining,
  "take the bytes that the dry device counts": checkLedgers,
};

/** What holds for every variant on each family. */
export const bottleneckChecks: readonly Check[] = bases.flatMap((base) =>
  Object.entries(rules).map(([rule, check]) => ({
    name: `bottlenecks on ${base} ${rule}`,
    run: async (device: Device) => {
      for (const variant of Object.keys(variants)) await check(device, base, variant);
    },
  }))
);
