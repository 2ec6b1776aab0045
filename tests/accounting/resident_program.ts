/**
 * Trains a GPT-2 of the width and rank given (0: everything is trained) for two steps on the cpu device, and prints what the ledger says and what Linux says. A process of its own, so that
 * nothing else was ever resident in it.
 *
 * @module
 */

import { applyMethod } from "../../src/runs/mod.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { Trainer } from "../../src/train/mod.ts";
import { randomBatches } from "../train/fixtures.ts";

/** Resident bytes of the process, and of the device's memory: its largest mapping of no file. */
function resident(): { process: number; device: number } {
  const mappings = Deno.readTextFileSync("/proc/self/smaps").split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const bytes = (mapping: string) => 1024 * Number(/^Rss:\s+(\d+) kB$/m.exec(mapping)?.[1] ?? 0);
  const anonymous = mappings.filter((mapping) => / 00:00 0 *\n/.test(mapping));
  return {
    process: mappings.map(bytes).reduce((sum, some) => sum + some),
    device: Math.max(...anonymous.map(bytes)),
  };
}

const [width, rank] = Deno.args.map(Number), rows = 4, length = 64;
const shape = { vocab_size: 1000, n_positions: length, n_embd: width, n_layer: 3, n_head: 4 };
const config = parseGpt2Config(shape);
using device = await openCpuDevice({ threads: 2 });
const opened = resident().process, program = device.allocatedBytes;
using model = initGpt2(device, config, { seed: 1 });
using _ = applyMethod(model, rank ? { kind: "lora", rank, sites: "all" } : { kind: "full" }, 1);
using trainer = new Trainer(model, { learningRate: 1e-3, steps: 2 });
const batches = randomBatches(1, { vocabulary: shape.vocab_size, rows, time: length });
for (let step = 0; step < 2; step++) trainer.step(batches);
await trainer.ring.read(2);
const { peak, padding } = device.ledger.read(), now = resident();
console.log(
  JSON.stringify({
    ...now,
    growth: now.process - opened,
    peak,
    padding,
    program,
    shape,
    rows,
    length,
  }),
);
