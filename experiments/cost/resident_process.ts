/**
 * Trains a GPT-2 for two steps on the cpu device and prints what the ledger and Linux report. It is a
 * separate process, so that nothing else was ever resident in it. Its argument is a case as JSON.
 *
 * @module
 */

import { Random } from "../../src/core/random.ts";
import { hostTensor } from "../../src/core/tensor.ts";
import { openCpuDevice } from "../../src/device/cpu/cpu_device.ts";
import { initGpt2, parseGpt2Config } from "../../src/models/mod.ts";
import { applyMethod } from "../../src/runs/mod.ts";
import { readText } from "../../src/storage/files.ts";
import { type Batch, Trainer } from "../../src/train/mod.ts";

/** Model and training of the process, on the cpu device. */
export interface ResidentCase {
  readonly width: number; // width of the model, which has three blocks
  readonly rank: number; // rank of LoRA on all linear layers; 0 for full fine-tuning
  readonly batch: number; // sequences of a step
  readonly length: number; // tokens of each
}

/** Measured memory, in bytes. */
export interface Reading {
  readonly process: number; // resident in the whole process, after two steps
  readonly before: number; // the same once the device was open and held nothing
  readonly device: number; // resident in the device's memory, after two steps
  readonly peak: number; // the ledger's peak
  readonly padding: number; // bytes between tensors that only align them
  readonly scratch: number; // scratch of the device's threads, which no ledger counts
}

/** The configuration of a case's model. */
export function configOf({ width, length }: ResidentCase) {
  const shape = { n_positions: length, n_embd: width, n_layer: 3, n_head: 4 };
  return { model_type: "gpt2", vocab_size: 1000, ...shape };
}

/** Resident bytes of the process, and of the device's memory: its largest mapping without a file. */
async function resident(): Promise<{ process: number; device: number }> {
  const mappings = (await readText("/proc/self/smaps")).split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m);
  const bytes = (mapping: string) => 1024 * Number(/^Rss:\s+(\d+) kB$/m.exec(mapping)?.[1] ?? 0);
  const anonymous = mappings.filter((mapping) => / 00:00 0 *\n/.test(mapping));
  return {
    process: mappings.map(bytes).reduce((sum, some) => sum + some),
    device: Math.max(...anonymous.map(bytes)),
  };
}

/** Random tokens, which are their own targets: only sizes matter here. */
function batchOf({ batch, length }: ResidentCase, vocabulary: number): Batch {
  const random = new Random(1), shape = [batch, length], size = batch * length;
  const tokens = Uint32Array.from({ length: size }, () => random.integer(vocabulary));
  const targets = hostTensor(shape, Int32Array.from(tokens));
  return { inputs: { tokens: hostTensor(shape, tokens) }, targets };
}

async function measure(trained: ResidentCase): Promise<Reading> {
  using device = await openCpuDevice({ threads: 2 });
  const before = (await resident()).process;
  const scratch = device.allocatedBytes; // before any tensor: only that of the threads
  const { rank } = trained;
  const config = parseGpt2Config(configOf(trained));
  using model = initGpt2(device, config, { seed: 1 });
  using _ = await applyMethod(
    model,
    rank ? { kind: "lora", rank, sites: "all" } : { kind: "full" },
    1,
  );
  using trainer = new Trainer(model, { learningRate: 1e-3, steps: 2 });
  const batch = batchOf(trained, config.vocab_size);
  for (let step = 0; step < 2; step++) trainer.step([batch]);
  await trainer.ring.read(2);
  const { peak, padding } = device.ledger.read();
  return { ...await resident(), before, scratch, peak, padding };
}

if (import.meta.main) console.log(JSON.stringify(await measure(JSON.parse(Deno.args[0]))));
