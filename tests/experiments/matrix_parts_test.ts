import { assert, assertEquals } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { DryDevice } from "../../src/device/dry.ts";
import type { Device } from "../../src/device/device.ts";
import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { Gpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { webgpuAvailable } from "../support/parts.ts";
import { randomBatches } from "../train/fixtures.ts";
import { checkMatrix } from "./matrix_checks.ts";

const ignore = !await webgpuAvailable();

Deno.test({
  name: "matrix: forward, merge and unmerge in pieces are right to rounding and bit on webgpu",
  ignore,
  fn: async () => {
    using device = await openWebgpuDevice();
    await checkMatrix(device);
  },
});

/** One block of GPT-2 small, whose token embedding has 154 MB: lavapipe binds 134 MB. */
const config = parseGpt2Config({ n_layer: 1 });

Deno.test({
  name: "webgpu: GPT-2 small's token embedding is looked up and multiplied whatever a kernel binds",
  ignore,
  fn: async () => {
    using device = await openWebgpuDevice();
    const steps = (on: Device) => {
      const model = Gpt2.allocate(on, config);
      const adapter = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 1 });
      const trainer = new Trainer(model, { learningRate: 1e-3, steps: 1 });
      trainer.step(randomBatches(1, { vocabulary: config.vocab_size, rows: 2, time: 3 }));
      return { trainer, owned: [trainer, adapter, model] };
    };
    const { trainer, owned } = steps(device);
    const [{ loss }] = await trainer.ring.read(1);
    // Weights are zero at birth, and all tokens alike.
    assert(Math.abs(loss - Math.log(config.vocab_size)) < 1e-5, `loss ${loss}`);
    using dry = new DryDevice();
    const planned = steps(dry);
    assertEquals(device.ledger.read(), dry.ledger.read());
    for (const item of [...owned, ...planned.owned]) item[Symbol.dispose]();
    assertEquals(device.ledger.read().live, 0);
  },
});
