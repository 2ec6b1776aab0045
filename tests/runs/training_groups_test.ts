/** LoRA+ in runs: B has its own rate, and so has its log. */

import { assertEquals, assertNotEquals, assertRejects, assertThrows } from "@std/assert";
import { injectBitFit, injectLora, loraPlusGroups } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { run, type RunSpec, type TrainingSpec } from "../../src/runs/mod.ts";
import { trainingGroups } from "../../src/runs/training_groups.ts";
import { train } from "../../src/train/mod.ts";
import { withFolder } from "../support/folders.ts";
import { randomBatches, tinyModel } from "../train/fixtures.ts";
import { tinyOptions, tinySpec } from "./fixtures.ts";

const training: TrainingSpec = { learningRate: 1e-3, steps: 6, weightDecay: 0.1 };

const specOf = (more: Partial<TrainingSpec>): RunSpec => ({
  ...tinySpec(6, { kind: "lora", rank: 2, sites: ["q", "v"] }),
  training: { ...training, ...more },
});

Deno.test("a run with a ratio takes the steps of the groups of LoRA+", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const { log } = await run(specOf({ loraPlusRatio: 16 }), tinyOptions(folder, device));
    const { log: plain } = await run(specOf({}), tinyOptions(folder, device));
    const { log: same } = await run(specOf({ loraPlusRatio: 1 }), tinyOptions(folder, device));
    assertEquals(same.loss, plain.loss);
    assertNotEquals(log.loss, plain.loss);
    using model = tinyModel(device);
    using adapter = injectLora(model, { rank: 2, sites: ["q", "v"], seed: 11 });
    const groups = loraPlusGroups(adapter, { learningRate: 1e-3, ratio: 16 });
    const made = train(adapter, randomBatches(5, { seed: 4 }), { ...training, seed: 11, groups });
    assertEquals((await made.finish()).loss, log.loss);
  }));

Deno.test("ratios that mean nothing are refused by name", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device);
  using bitfit = injectBitFit(model);
  const of = (more: Partial<TrainingSpec>) => () =>
    trainingGroups(bitfit, { ...training, ...more }, { kind: "bitfit" });
  assertThrows(of({ loraPlusRatio: 4 }), RangeError, "needs the method lora, found bitfit");
  assertThrows(of({ loraPlusEmbeddingRate: 4 }), RangeError, "needs loraPlusRatio, found none");
  assertEquals(of({})(), undefined);
  bitfit.remove();
  using lora = injectLora(model, { rank: 2 });
  for (const ratio of [0, -1, NaN, Infinity]) {
    const rule = `a finite number above 0, found ${ratio}`;
    assertThrows(() => loraPlusGroups(lora, { learningRate: 1, ratio }), RangeError, rule);
  }
});

Deno.test("a run of another method with a ratio leaves nothing behind", () =>
  withFolder(async (folder) => {
    using device = await openCpuDevice({ threads: 1 });
    const spec = { ...specOf({ loraPlusRatio: 2 }), method: { kind: "bitfit" } } as const;
    const { live } = device.ledger.read();
    await assertRejects(() => run(spec, tinyOptions(folder, device)), RangeError, "found bitfit");
    assertEquals(device.ledger.read().live, live);
  }));
