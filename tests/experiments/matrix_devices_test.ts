/** The matrix experiment at a small width, on a device that binds a part of the matrix at once. */

import "../support/open_lapack.ts";
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { matrix, measureMatrix, rank } from "../../experiments/cost/matrix.ts";
import { injectLora } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Device } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { openWebgpuDevice } from "../../src/device/webgpu/webgpu_device.ts";
import { Gpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { gamma } from "../kernels/error_model.ts";
import { cpu, testOn, webgpu } from "../support/devices.ts";
import { whileNarrow } from "../support/narrow.ts";
import { tierIsWanted, webgpuAvailable } from "../../scripts/support/parts.ts";
import { randomBatches } from "../train/fixtures.ts";

const width = 320, mostBinding = 2 ** 17;

/** Values against float64, bits, bytes of each moment, and that nothing is left. */
async function checkMatrix(device: Device): Promise<void> {
  const before = device.ledger.read().live, result = await measureMatrix(device, width);
  assert(4 * width ** 2 > 3 * mostBinding);
  assertEquals(device.ledger.read().live, before);
  assertEquals(result.changed, 0);
  // Sums of products below 1 / √width, in F32; the merged weight is rounded once more.
  const bound = gamma(width + 2 * rank + 8) * 2 * Math.sqrt(width);
  assert(result.error <= bound, `${result.error} from float64, allowed ${bound}`);
  assert(result.mergeError <= 2 * bound, `${result.mergeError} apart, allowed ${2 * bound}`);
  assert(result.mergeError > 0 && result.largest > 0.5, "a merge that rounds nothing was not run");
  const weight = 4 * width ** 2, adapter = 4 * 2 * rank * width;
  assertEquals(
    result.moments.map(({ label, reading }) => [label, reading.live - before]),
    [
      ["weight written", weight],
      ["forward, base", weight],
      ["forward, unmerged", weight + adapter],
      ["merge", 2 * weight + adapter],
      ["forward, merged", 2 * weight + adapter],
      ["unmerge", weight + adapter],
    ],
  );
}

await testOn([cpu, webgpu], [
  {
    name: "matrix: forward, merge and unmerge in pieces are right to rounding and bit",
    run: (device) => whileNarrow(device, mostBinding, checkMatrix),
  },
]);

Deno.test("matrix: what ran below GPT-3's width claims nothing of that width", async () => {
  using device = await openCpuDevice({ threads: 2 });
  const { signal } = new AbortController(), report = () => {};
  const context = { device, out: "", seeds: [1], quick: true, full: false, signal, report };
  const { findings, figures } = await matrix.run(context);
  assertStringIncludes(findings[0].claim, "At width 768, below GPT-3's,");
  assertStringIncludes(figures[0].title, "width 768");
});

/** One block of GPT-2 small, whose token embedding has 154 MB: lavapipe binds 134 MB. */
const config = parseGpt2Config({ n_layer: 1 });

Deno.test({
  name: "webgpu: GPT-2 small's token embedding is looked up and multiplied whatever a kernel binds",
  ignore: !tierIsWanted("parts") || !await webgpuAvailable(),
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
