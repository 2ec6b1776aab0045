import { assertEquals } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { randomBatches } from "./fixtures.ts";

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
  ignore: !await webgpuAvailable(),
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
