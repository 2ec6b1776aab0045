/**
 * Functions release all that they allocate on a device, also if they fail. Training that ends, is
 * left or aborted, swapping and finished runs are looked at in their own tests.
 */

import { assertEquals, assertRejects } from "@std/assert";
import {
  injectLora,
  loadAdapter,
  type LoraAdapter,
  merge,
  mergeReport,
  swap,
} from "../../src/adapt/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { headerBytes } from "../../src/formats/mod.ts";
import { beamSearch, generate, type Gpt2, loadModel, saveModel } from "../../src/models/mod.ts";
import { run } from "../../src/runs/mod.ts";
import {
  evaluate,
  resumeCheckpoint,
  runTrainer,
  saveCheckpoint,
  train,
  Trainer,
} from "../../src/train/mod.ts";
import { trainedLora } from "../adapt/fixtures.ts";
import { allDevices, testOn } from "../support/devices.ts";
import { withFolder } from "../../scripts/support/folders.ts";
import { collect, randomBatches, tinyModel } from "../train/fixtures.ts";
import { tinyOptions, tinySpec } from "./fixtures.ts";

/** Objects that the calls get: a model with an adapter on it, and an empty folder. */
interface Scene {
  readonly device: Device;
  readonly model: Gpt2;
  readonly adapter: LoraAdapter;
  readonly folder: string;
}

const batches = randomBatches(3), steps = { learningRate: 1e-2, steps: 4 };
const noToken = "needs ids from 0 to 10, found 11";

/** Token 11 is none of the model's. */
const broken = randomBatches(2).map((batch, i) => {
  return i === 0
    ? batch
    : { ...batch, inputs: { tokens: { shape: [2, 5], data: new Uint32Array(10).fill(11) } } };
});

/** A call that must fail, and for this reason. */
const fails = async (reason: string, call: () => unknown) =>
  void await assertRejects(async () => await call(), Error, reason);

/** Makes the last tensor of a file complex, which is found when it is read. */
async function spoilLast(path: string): Promise<void> {
  const bytes = await Deno.readFile(path), end = headerBytes(bytes, bytes.length);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, end)));
  const entry = header[Object.keys(header).at(-1)!], [from, to] = entry.data_offsets;
  Object.assign(entry, { dtype: "C64", data_offsets: [from, 2 * to - from] });
  const json = new TextEncoder().encode(JSON.stringify(header));
  const length = new Uint8Array(BigUint64Array.of(BigInt(json.length)).buffer);
  const parts = [length, json, bytes.subarray(end), new Uint8Array(to - from)];
  await Deno.writeFile(path, new Blob(parts).stream());
}

/** Leaves a checkpoint after the second step. */
async function checkpoint(model: Gpt2, folder: string): Promise<void> {
  using trainer = new Trainer(model, steps);
  for await (const { step } of runTrainer(trainer, batches)) if (step === 1) break;
  await saveCheckpoint(`${folder}/checkpoint`, trainer);
}

const calls: Record<string, (scene: Scene) => unknown> = {
  "evaluate": ({ model }) => evaluate(model, randomBatches(70)),
  "evaluate on a token that is none": ({ model }) => fails(noToken, () => evaluate(model, broken)),
  "reading an adapter and its ΔW": async ({ adapter }) => {
    await adapter.read();
    await adapter.deltaWeight(adapter.sites[0].name);
  },
  "mergeReport": ({ model, adapter }) => mergeReport(model, adapter, { dtype: "BF16" }),
  "merge, swap and disposal": ({ model, adapter }) => {
    using other = trainedLora(model, { seed: 2 });
    using merged = merge(model, adapter);
    swap(merged, adapter, other);
  },
  "injectLora on a site that is none": ({ model }) =>
    fails('found "none"', () => {
      injectLora(model, { rank: 2, sites: ["q", "none"], seed: 1, onTop: true });
    }),
  "saving an adapter, loading and disposing it": async ({ model, adapter, folder }) => {
    await adapter.save(folder);
    adapter.remove();
    using _ = await loadAdapter(model, folder);
  },
  "saving an adapter where nothing can be written": ({ adapter, folder }) =>
    fails("cannot make the folder", async () => {
      await Deno.writeTextFile(`${folder}/file`, "");
      await adapter.save(`${folder}/file/adapter`);
    }),
  "loadAdapter of a folder cut short": ({ model, adapter, folder }) =>
    fails("must end at", async () => {
      await adapter.save(folder);
      await Deno.truncate(`${folder}/adapter_model.safetensors`, 2000);
      await loadAdapter(model, folder, { onTop: true });
    }),
  "saving a model, loading and disposing it": async ({ device, model, folder }) => {
    await saveModel(model, folder);
    using _ = await loadModel(device, folder);
  },
  "loadModel of weights that cannot be converted": ({ device, model, folder }) =>
    fails("C64", async () => {
      await saveModel(model, folder);
      await spoilLast(`${folder}/model.safetensors`);
      await loadModel(device, folder);
    }),
  "generate to the end": ({ model }) => collect(generate(model, [3, 1], { maxNewTokens: 4 })),
  "generate left early": async ({ model }) => {
    for await (const _ of generate(model, [3, 1], { maxNewTokens: 4 })) break;
  },
  "generate stopped by its signal": async ({ model }) => {
    const controller = new AbortController(), { signal } = controller;
    const options = { maxNewTokens: 4, temperature: 1, topK: 3, signal };
    for await (const _ of generate(model, [3, 1], options)) controller.abort();
  },
  "generate after a token that is none": ({ model }) =>
    fails(noToken, () => collect(generate(model, [11], { maxNewTokens: 2 }))),
  "beamSearch": ({ model }) => beamSearch(model, [3, 1], { beams: 3, maxNewTokens: 4 }),
  "beamSearch after a token that is none": ({ model }) =>
    fails(noToken, () => beamSearch(model, [11], { beams: 3, maxNewTokens: 2 })),
  "train to the end": ({ model }) => collect(train(model, batches, steps)),
  "train left at its first step": async ({ model }) => {
    for await (const _ of train(model, batches, steps)) break;
  },
  "train on a token that is none": ({ model }) =>
    fails(noToken, () => collect(train(model, broken, steps))),
  "a trainer with an option out of range": ({ model }) =>
    fails("clipNorm", () => new Trainer(model, { ...steps, clipNorm: -1 })),
  "saving a checkpoint and resuming from it": async ({ model, folder }) => {
    await checkpoint(model, folder);
    using trainer = new Trainer(model, steps);
    await resumeCheckpoint(`${folder}/checkpoint`, trainer);
    await collect(runTrainer(trainer, batches));
  },
  "resuming with another seed": ({ model, folder }) =>
    fails("needs seed 0, found 1", async () => {
      await checkpoint(model, folder);
      using trainer = new Trainer(model, { ...steps, seed: 1 });
      await resumeCheckpoint(`${folder}/checkpoint`, trainer);
    }),
  "a run": ({ device, folder }) =>
    run({ ...tinySpec(3), device: device.kind }, tinyOptions(folder, device)),
  "a run whose measurement fails": ({ device, folder }) => {
    const measure = () => Promise.reject(new Error("no measure"));
    const options = { ...tinyOptions(folder, device), measure };
    return fails("no measure", () => run({ ...tinySpec(3), device: device.kind }, options));
  },
};

/** Bytes of each role, and of padding. */
function heldOn({ ledger }: Device) {
  const { byRole, padding } = ledger.read();
  return { ...byRole, padding };
}

/** One for each call. */
const checks = Object.entries(calls).map(([name, call]) => ({
  name: `live bytes are what they were after: ${name}`,
  run: (device: Device): Promise<void> =>
    withFolder(async (folder) => {
      using model = tinyModel(device);
      using adapter = trainedLora(model);
      const before = heldOn(device);
      await call({ device, model, adapter, folder });
      assertEquals(heldOn(device), before);
    }),
}));

await testOn(allDevices, checks);
