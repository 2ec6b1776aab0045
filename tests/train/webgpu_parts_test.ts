/** Training on webgpu alone: programs that are compiled beforehand, submits, and the buffers of the ledger's tensors. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import type { Device, Tensor } from "../../src/device/device.ts";
import { bufferOf, sizeClass } from "../../src/device/webgpu/buffers.ts";
import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { train, Trainer, type TrainOptions } from "../../src/train/mod.ts";
import { webgpuAvailable } from "../../scripts/support/parts.ts";
import { collect, randomBatches, tinyModel, trainedValues } from "./fixtures.ts";
import { methods, shapes } from "./ledger_cases.ts";

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
    const { learningRate } = trainer.optimizer, launches = new Map(device.ledger.launches);
    await trainer.compile(batches.slice(0, 1));
    assertEquals([trainer.steps, trainer.optimizer.learningRate], [0, learningRate]);
    await assertRejects(() => trainer.ring.read(1), RangeError, "a count up to 0");
    assertEquals(await trainedValues(model), before);
    assertEquals(device.ledger.read().live, live);
    assertEquals(device.ledger.launches, launches);
  },
});

const config = parseGpt2Config({
  ...{ vocab_size: 11, n_positions: 8, n_embd: 12, n_layer: 3, n_head: 3 },
});

/** Runs `work` and counts what it makes and submits. */
function counted(work: () => void): { submits: number; groups: number } {
  const counts = { submits: 0, groups: 0 };
  const { submit } = GPUQueue.prototype, { createBindGroup } = GPUDevice.prototype;
  GPUQueue.prototype.submit = function (buffers) {
    counts.submits++;
    submit.call(this, buffers);
  };
  GPUDevice.prototype.createBindGroup = function (descriptor) {
    counts.groups++;
    return createBindGroup.call(this, descriptor);
  };
  try {
    work();
  } finally {
    GPUQueue.prototype.submit = submit;
    GPUDevice.prototype.createBindGroup = createBindGroup;
  }
  return counts;
}

/** Buffers that are freed in the middle of a step are lent again in the same encoder. */
Deno.test({
  name: "webgpu: a step that frees as it goes is one submit, and the next needs no bind group",
  ignore,
  fn: async () => {
    using device = await openWebgpuDevice();
    using model = initGpt2(device, config, { seed: 1 });
    using _adapter = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 1 });
    using trainer = new Trainer(model, { learningRate: 1e-3, steps: 4 });
    const batches = randomBatches(1, { vocabulary: 11, time: 7, rows: 3 });
    trainer.step(batches);
    for (let step = 1; step < 4; step++) {
      assertEquals(counted(() => trainer.step(batches)), { submits: 1, groups: 0 });
    }
    await trainer.ring.read(1);
  },
});

/** Counts bytes of the buffers that are made and not destroyed. */
function watchBuffers() {
  const { createBuffer } = GPUDevice.prototype, { destroy } = GPUBuffer.prototype;
  const living = new Set<GPUBuffer>();
  GPUDevice.prototype.createBuffer = function (descriptor) {
    const buffer = createBuffer.call(this, descriptor);
    living.add(buffer);
    return buffer;
  };
  GPUBuffer.prototype.destroy = function () {
    living.delete(this);
    return destroy.call(this);
  };
  return {
    living,
    [Symbol.dispose]: () => {
      GPUDevice.prototype.createBuffer = createBuffer;
      GPUBuffer.prototype.destroy = destroy;
    },
  };
}

Deno.test({
  name:
    "allocation: webgpu has a buffer for each tensor of the ledger, of its size class, and no others",
  ignore,
  fn: async () => {
    using watch = watchBuffers();
    using device = await openWebgpuDevice();
    const scalars = [...watch.living].reduce((sum, { size }) => sum + size, 0);
    const live = new Set<Tensor>(), allocate = device.allocate.bind(device);
    device.allocate = (...args) => {
      const tensor = allocate(...args);
      live.add(tensor);
      for (const tensor of live) if (!tensor.storage.alive) live.delete(tensor);
      const used = new Set<GPUBuffer>();
      for (const tensor of live) {
        const { buffer } = bufferOf(tensor), { bytes, padding, label } = tensor.storage;
        assertEquals(buffer.size, sizeClass(bytes + padding), label);
        assert(watch.living.has(buffer), `${label} has a buffer that was destroyed`);
        used.add(buffer);
      }
      assertEquals(used.size, live.size);
      return tensor;
    };
    for (const config of Object.values(shapes)) {
      for (const { lora, dropout, optimizer, accumulation = 1 } of Object.values(methods)) {
        using model = initGpt2(device, config, { seed: 1, dropout });
        using _ = lora && injectLora(model, { ...lora, seed: 1 });
        const options = { learningRate: 1e-3, steps: 1, accumulation, optimizer };
        using trainer = new Trainer(model, options);
        const vocabulary = config.vocab_size, time = config.n_positions - 1;
        trainer.step(randomBatches(accumulation, { vocabulary, time, rows: 3 }));
        await trainer.ring.read(1);
        const made = [...watch.living].reduce((sum, { size }) => sum + size, 0);
        assertEquals(made, device.residentBytes + scalars);
      }
    }
  },
});
