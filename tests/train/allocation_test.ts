/** The ledger against what the cpu device's own heap has given out, at every birth and death of a step. */

import { assert, assertEquals } from "@std/assert";
import { injectLora } from "../../src/adapt/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import type { Storage } from "../../src/device/device.ts";
import { initGpt2 } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { randomBatches } from "./fixtures.ts";
import { methods, shapes } from "./ledger_checks.ts";

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
    device.allocate = (...args) => {
      const tensor = allocate(...args);
      live.add(tensor.storage);
      check();
      return tensor;
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
