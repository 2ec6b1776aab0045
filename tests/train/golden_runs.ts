/** PyTorch's training runs in `tests/golden/trajectories`, and the same runs by us. @module */

import { fileURLToPath } from "node:url";
import { loadAdapter, type LoraAdapter } from "../../src/adapt/mod.ts";
import { readJson } from "../../src/core/files.ts";
import { hostTensor } from "../../src/core/host_tensor.ts";
import type { Device } from "../../src/device/device.ts";
import { loadModel, type TextModel } from "../../src/models/mod.ts";
import type { Batch, TrainerOptions, TrainingLog } from "../../src/train/mod.ts";

/** The folder of golden files. */
export const golden: string = fileURLToPath(new URL("../golden/", import.meta.url));

/** All runs, by name. */
export const goldenRuns = ["full_linear", "full_cosine", "lora_linear", "lora_cosine"] as const;

/** A run's options and what PyTorch logged. */
export interface GoldenRun {
  readonly config: TrainerOptions;
  readonly log: TrainingLog;
}

/** Reads a run. */
export async function readGoldenRun(name: string): Promise<GoldenRun> {
  const read = (part: string) => readJson(`${golden}trajectories/${name}.${part}.json`);
  const { method: _, ...config } = await read("config") as TrainerOptions & { method: unknown };
  return { config, log: await read("log") as TrainingLog };
}

/** The batches of all runs: labels are the inputs, shifted here. */
export async function goldenBatches(): Promise<Batch[]> {
  const { batches } = await readJson(`${golden}trajectories/batches.json`) as {
    batches: number[][][];
  };
  return batches.map((rows) => {
    const shape = [rows.length, rows[0].length];
    const targets = rows.map((row) => [...row.slice(1), -100]);
    return {
      inputs: { tokens: hostTensor(shape, Uint32Array.from(rows.flat())) },
      targets: hostTensor(shape, Int32Array.from(targets.flat())),
    };
  });
}

/** A model with its adapter where the run has one. */
export interface Start extends Disposable {
  readonly model: TextModel;
  readonly adapter: LoraAdapter | undefined;
}

/** What a run starts from. */
export async function goldenStart(device: Device, name: string): Promise<Start> {
  const model = await loadModel(device, `${golden}gpt2_tiny`);
  const adapter = name.startsWith("lora")
    ? await loadAdapter(model, `${golden}trajectories/lora_initial`)
    : undefined;
  return {
    model,
    adapter,
    [Symbol.dispose]() {
      adapter?.[Symbol.dispose]();
      model[Symbol.dispose]();
    },
  };
}
