/** Specifications of small runs and what opens their models and batches. @module */

import type { Device } from "../../src/device/device.ts";
import type { MethodSpec, RunOptions, RunSpec } from "../../src/runs/mod.ts";
import { randomBatches, tinyModel } from "../train/fixtures.ts";

/** LoRA on all linears of the tiny model, with dropout, clipping and a schedule. */
export const lora: MethodSpec = { kind: "lora", rank: 2, alpha: 4, sites: "all", dropout: 0.1 };

/** A run of `steps` steps on the cpu device. */
export function tinySpec(steps: number, method: MethodSpec = lora): RunSpec {
  return {
    model: "tiny",
    method,
    data: { batches: 5, seed: 4 },
    training: {
      learningRate: 5e-3,
      steps,
      schedule: "cosine",
      warmupSteps: 3,
      weightDecay: 0.01,
      clipNorm: 1,
    },
    seed: 11,
    device: "cpu",
  };
}

/** Options of `run` with openers for {@link tinySpec}. */
export function tinyOptions(folder: string, device: Device): RunOptions {
  return {
    folder,
    device,
    openModel: (_, device) => tinyModel(device),
    openBatches: ({ data }) => {
      const { batches, seed } = data as { batches: number; seed: number };
      return randomBatches(batches, { seed });
    },
    measure: ({ device }) => ({ kind: device.kind }),
  };
}
