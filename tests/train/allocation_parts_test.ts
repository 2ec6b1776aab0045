/** The ledger against the buffers that WebGPU was asked for. */

import { assert, assertEquals } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { bufferOf } from "../../src/device/webgpu/bind_groups.ts";
import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { sizeClass } from "../../src/device/webgpu/buffer_pool.ts";
import type { Tensor } from "../../src/device/device.ts";
import { initGpt2 } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { randomBatches } from "./fixtures.ts";
import { methods, shapes } from "./ledger_checks.ts";

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
  ignore: !await webgpuAvailable(),
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
