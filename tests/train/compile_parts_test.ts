/** Compiling beforehand: it tells how far it is, and changes nothing. */

import { assert, assertEquals } from "@std/assert";
import type { Device } from "../../src/device/device.ts";
import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { train, Trainer, type TrainOptions } from "../../src/train/mod.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { collect, randomBatches, tinyModel, trainedValues } from "./fixtures.ts";

const ignore = !await webgpuAvailable();
const batches = randomBatches(2), settings = { learningRate: 1e-2, seed: 5, steps: 3 };

async function trained(device: Device, onCompile?: TrainOptions["onCompile"]) {
  using model = tinyModel(device, { dropout: 0.1 });
  const events = await collect(train(model, batches, { ...settings, onCompile }));
  return { losses: events.map(({ loss }) => loss), values: await trainedValues(model) };
}

Deno.test({
  name: "webgpu: a run whose programs are compiled beforehand has the same bits",
  ignore,
  fn: async () => {
    using device = await openWebgpuDevice();
    const told: number[][] = [];
    const compiled = await trained(device, (...numbers) => told.push(numbers));
    assert(told.length > 10, `told ${told.length} times`);
    assertEquals(told, told.map((_, i) => [i + 1, told.length]));
    assertEquals(await trained(device), compiled);
  },
});

Deno.test({
  name: "webgpu: compiling alone leaves a trainer as it was",
  ignore,
  fn: async () => {
    using device = await openWebgpuDevice();
    using model = tinyModel(device);
    using trainer = new Trainer(model, settings);
    const before = await trainedValues(model), { live } = device.ledger.read();
    await trainer.compile(batches.slice(0, 1));
    assertEquals(trainer.steps, 0);
    assertEquals(await trainedValues(model), before);
    assertEquals(device.ledger.read().live, live);
  },
});
