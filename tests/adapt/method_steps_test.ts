/** Ten steps of training against PEFT, or our script of PyTorch: losses, trained values, and logits at the end. */

import { assert, assertEquals } from "@std/assert";
import {
  type Adapter,
  injectPissa,
  loadAnyAdapter,
  LoraAdapter,
  loraPlusGroups,
  loraPreconditioner,
} from "../../src/adapt/mod.ts";
import { readJson } from "../../src/storage/files.ts";
import type { HostData, HostTensor } from "../../src/core/tensor.ts";
import { deltaWeight } from "../../src/core/update.ts";
import type { Device } from "../../src/device/device.ts";
import { readSafetensors } from "../../src/formats/mod.ts";
import { loadModel, type TextModel } from "../../src/models/mod.ts";
import { train, type TrainerOptions } from "../../src/train/mod.ts";
import { assertAllClose } from "../support/all_close.ts";
import { coreDevices, testOn } from "../support/devices.ts";
import "../support/open_lapack.ts";
import { golden, goldenTensors, logitsOf, withFolder } from "./fixtures.ts";
import { batchOf, models, type RawBatch, targets } from "./method_batches.ts";

/** Those of which every method has a run. */
const first = ["gpt2", "llama", "bert"];

const methods = ["rslora", "dora", "pissa", "loraplus", "vera"];

/** Golden results of a run of PEFT. */
interface Golden {
  readonly loss: number[];
  readonly noise: number;
  readonly loraPlus?: {
    readonly loraplus_lr_ratio: number;
    readonly loraplus_lr_embedding: number;
  };
}

/** The adapter with which PEFT's run begins; PiSSA begins at the weights. */
async function startOf(model: TextModel, base: string, run: string): Promise<Adapter> {
  if (run.endsWith("pissa")) {
    return await injectPissa(model, { rank: 3, alpha: 6, targetModules: targets[base] });
  }
  const adapter = await loadAnyAdapter(model, golden(`methods/${run}`));
  // PEFT's folder does not say what its user froze.
  if (run.endsWith("frozen_a") && adapter instanceof LoraAdapter) {
    for (const { A } of adapter.sites) A.trainable = false;
  }
  return adapter;
}

function optionsOf(adapter: Adapter, run: string, { loss, loraPlus }: Golden): TrainerOptions {
  const learningRate = run.endsWith("vera") ? 5e-2 : 5e-3;
  const epsilon = run.endsWith("ia3") ? 1e-4 : 1e-8;
  const options = { learningRate, weightDecay: 0.1, epsilon, steps: loss.length };
  if (run.endsWith("preconditioned") && adapter instanceof LoraAdapter) {
    return { ...options, preconditioner: loraPreconditioner(adapter, 0.01) };
  }
  if (!loraPlus) return options;
  const { loraplus_lr_ratio: ratio, loraplus_lr_embedding: embeddingRate } = loraPlus;
  assert(adapter instanceof LoraAdapter);
  return { ...options, groups: loraPlusGroups(adapter, { learningRate, ratio, embeddingRate }) };
}

/** True at a key's bias whose true gradient is 0, so that Adam turns its noise into steps; in GPT-NeoX the columns that are not turned. */
function isNoise(name: string, i: number): boolean {
  if (/c_attn.*bias$/.test(name)) return i >= 48 && i < 96;
  return /query_key_value.*bias$/.test(name) && i % 24 >= 12 && i % 24 < 16;
}

const meant = (name: string, data: HostData): number[] =>
  Array.from(data).filter((_, i) => !isNoise(name, i));

/** Compares what was trained with PEFT's values, by the keys of its file; of PiSSA the products. */
async function checkValues(
  adapter: Adapter,
  run: string,
  expected: ReadonlyMap<string, HostTensor>,
): Promise<void> {
  const close = { absolute: 1e-4, relative: 0 };
  if (run.endsWith("pissa")) {
    for (const update of await (adapter as LoraAdapter).read()) {
      const delta = expected.get(`delta.${update.module}`);
      if (!delta) continue;
      assertEquals(delta.shape, deltaWeight(update).shape);
      assertAllClose(deltaWeight(update).data, delta.data, { ...close, what: update.module });
    }
    return;
  }
  await withFolder(async (folder) => {
    await adapter.save(folder);
    const { tensors } = await readSafetensors(`${folder}/adapter_model.safetensors`);
    const trained = [...expected].filter(([name]) => name.startsWith("value."));
    assertEquals(trained.length, adapter.parameters.length);
    for (const [name, { data, shape }] of trained) {
      const found = tensors.get(name.slice("value.".length));
      assertEquals(found?.shape, shape, name);
      const [ours, theirs] = [found!.data, data].map((all) => meant(name, all));
      assertAllClose(ours, theirs, { ...close, what: name });
    }
  });
}

async function checkRun(device: Device, run: string): Promise<void> {
  const [base] = run.split("_"), wanted = await readJson(golden(`methods/${run}.json`)) as Golden;
  const raw = await readJson(golden("methods/batches.json")) as Record<string, RawBatch[]>;
  const batches = raw[base].map(batchOf), expected = await goldenTensors(`methods/${run}`);
  using model = await loadModel(device, golden(models[base]));
  using adapter = await startOf(model, base, run);
  const losses: number[] = [];
  for await (const { loss } of train(adapter, batches, optionsOf(adapter, run, wanted))) {
    losses.push(loss);
  }
  const absolute = Math.max(2e-6, 10 * wanted.noise);
  assertAllClose(losses, wanted.loss, { absolute, relative: 0, what: `losses of ${run}` });
  await checkValues(adapter, run, expected);
  const logits = await logitsOf(model, batches[0].inputs);
  const close = { absolute: 1e-4, relative: 0, what: `logits of ${run}` };
  assertAllClose(logits, expected.get("logits")!.data, close);
}

await testOn(
  coreDevices,
  [
    ...Object.keys(models).flatMap((base) => methods.map((method) => `${base}_${method}`)),
    "gpt2_loraplus_tables",
    "gpt2_saved",
    ...["ia3", "tinylora", "frozen_a", "subspace", "preconditioned"].flatMap((method) =>
      first.map((base) => `${base}_${method}`)
    ),
    "neox_ia3",
  ]
    .map((run) => ({
      name: `ten steps of ${run} are ${run.endsWith("subspace") ? "PyTorch" : "PEFT"}'s`,
      run: (device) => checkRun(device, run),
    })),
);
