/**
 * Tries every learning rate of the grid with every method of the adaptation experiment, one seed each,
 * and writes the losses on the validation split, which no table reports.
 *
 *     deno run -A scripts/search_learning_rates.ts
 *
 * @module
 */

import { writeJsonAtomic } from "../src/core/files.ts";
import { openCpuDevice } from "../src/device/cpu/cpu_device.ts";
import type { Device } from "../src/device/device.ts";
import type { MethodSpec } from "../src/runs/mod.ts";
import { adaptationSteps } from "../src/experiments/adaptation/adaptation.ts";
import { learningRateGrid, methods } from "../src/experiments/adaptation/methods.ts";
import { glossData, glossRun } from "../src/experiments/gloss_runs.ts";

/** None of the seeds that are reported, which count up from 1. */
const seed = 1000;
const data = {
  ...glossData("noun", false),
  evaluation: { split: "validation", examples: 512 },
} as const;

/** The loss on the validation split; `null` where training diverges. */
async function lossAt(device: Device, method: MethodSpec, learningRate: number) {
  const chosen = { method, learningRate, seed, steps: adaptationSteps, data };
  try {
    return (await glossRun(chosen, { device, folder: "results/search" })).metrics.loss as number;
  } catch (error) {
    console.error((error as Error).message);
    return null;
  }
}

if (import.meta.main) {
  using device = await openCpuDevice();
  const losses: Record<string, Record<string, number | null>> = {};
  for (const { key, spec } of methods) {
    losses[key] = {};
    for (const learningRate of learningRateGrid) {
      losses[key][String(learningRate)] = await lossAt(device, spec, learningRate);
      console.error(key, learningRate, losses[key][String(learningRate)]);
    }
  }
  await writeJsonAtomic("src/experiments/adaptation/learning_rates.json", {
    split: "validation",
    seed,
    steps: adaptationSteps,
    losses,
  });
}
