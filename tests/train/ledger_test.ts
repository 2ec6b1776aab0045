/** The ledger of a step: predicted, on dry devices, and against what the heap of the cpu device has given out. */

import { assert, assertEquals } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { gpt2ConfigJson } from "../../src/architectures/families/gpt2.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Storage } from "../../src/device/device.ts";
import { DryDevice } from "../../src/device/dry.ts";
import { ReferenceDevice } from "../../src/device/reference.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { allocateMethod, predictMemory } from "../../src/runs/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { randomBatches, tinyModel } from "./fixtures.ts";
import { methods, shapes } from "./ledger_cases.ts";

Deno.test("ledger: predictMemory says what a trainer allocates", () => {
  using device = new ReferenceDevice();
  using model = tinyModel(device, { dropout: 0.1 });
  using _ = allocateMethod(model, { kind: "lora", rank: 2, sites: ["q"] }, 1);
  using trainer = new Trainer(model, { learningRate: 1, steps: 1, accumulation: 2 });
  trainer.step(randomBatches(2, { rows: 3, time: 6, lastLabel: 0 }));
  const predicted = predictMemory(gpt2ConfigJson(shapes["2 x 12"]), {
    batch: 3,
    length: 6,
    accumulation: 2,
    dropout: 0.1,
    adapt: (model) => allocateMethod(model, { kind: "lora", rank: 2, sites: ["q"] }, 1),
  });
  assertEquals(predicted, device.ledger.read());
});

Deno.test("ledger: training GPT-3 175B takes the dry device no time and no memory", () => {
  const config = parseGpt2Config({
    vocab_size: 50257,
    n_positions: 2048,
    n_embd: 12288,
    n_layer: 96,
    n_head: 96,
  });
  const started = performance.now();
  const { byRole } = predictMemory(gpt2ConfigJson(config), { batch: 1, length: 2048 });
  const parameters = byRole.weight / 4;
  assert(Math.abs(parameters / 174.6e9 - 1) < 0.01, `${parameters} parameters`);
  assertEquals([byRole.gradient, byRole.optimizer], [4 * parameters, 8 * parameters]);
  assert(performance.now() - started < 5000);
});

Deno.test("trainer: a step reads nothing, so the dry device can run it", () => {
  using device = new DryDevice();
  using model = tinyModel(device);
  using trainer = new Trainer(model, { learningRate: 1, steps: 9, accumulation: 2 });
  const batches = randomBatches(2);
  assertEquals(trainer.step(batches), { step: 0, learningRate: 1, counted: 16 });
  assertEquals(trainer.step(batches), { step: 1, learningRate: 1, counted: 16 });
});

/** Bytes of a heap's block: whole cache lines, at least one. */
const blockBytes = ({ bytes, padding }: Storage): number =>
  Math.max(64, Math.ceil((bytes + padding) / 64) * 64);

for (const [shape, config] of Object.entries(shapes)) {
  Deno.test(`allocation: ${shape}: the heap holds the ledger's tensors in whole lines, always`, async () => {
    using device = await openCpuDevice({ threads: 2 });
    const { ledger } = device, empty = device.allocatedBytes, live = new Set<Storage>();
    let checks = 0;
    const check = () => {
      const sum = (bytes: (storage: Storage) => number) =>
        [...live].reduce((total, storage) => total + bytes(storage), 0);
      assertEquals(device.allocatedBytes - empty, sum(blockBytes));
      assertEquals(ledger.read().live, sum(({ bytes }) => bytes));
      checks++;
    };
    const allocate = device.allocate.bind(device), release = device.release.bind(device);
    const reallocate = device.reallocate.bind(device);
    device.allocate = (...args) => {
      const tensor = allocate(...args);
      live.add(tensor.storage);
      check();
      return tensor;
    };
    device.reallocate = (storage) => {
      reallocate(storage);
      live.add(storage);
      check();
    };
    device.release = (storage) => {
      release(storage);
      live.delete(storage);
      check();
    };
    for (const { lora, dropout, optimizer, accumulation = 1 } of Object.values(methods)) {
      using model = initGpt2(device, config, { seed: 1, dropout });
      using _ = lora && injectLora(model, { ...lora, seed: 1 });
      using trainer = new Trainer(model, { learningRate: 1e-3, steps: 1, accumulation, optimizer });
      const vocabulary = config.vocab_size, time = config.n_positions - 1;
      trainer.step(randomBatches(accumulation, { vocabulary, time, rows: 3 }));
    }
    assert(checks > 500);
    assertEquals([live.size, device.allocatedBytes], [0, empty]);
  });
}
