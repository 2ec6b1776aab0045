/**
 * Tries every learning rate of the supersense task with every method, one seed each, and writes the
 * accuracies on the entries to choose by, which no table reports, beside the experiment's code.
 *
 *     deno task search:supersenses
 *
 * Finished runs under `results/search` are not trained again.
 *
 * @module
 */

import { planSupersenses, supersenseMethods } from "../experiments/supersenses/runs.ts";
import { supersenseSizes } from "../experiments/supersenses/task.ts";
import { writeJsonAtomic } from "../src/core/files.ts";
import { openCpuDevice } from "../src/device/cpu/cpu_device.ts";

/** None of the seeds that are reported, which count up from 1. */
const seed = 1000;

if (import.meta.main) {
  using device = await openCpuDevice({ threads: 1 }); // More help little at this size.
  const tried: Record<string, Record<string, number>> = {};
  for (const method of supersenseMethods) {
    tried[method.key] = {};
    for (const learningRate of method.rates) {
      const run = { method, learningRate, seed, part: "validation" } as const;
      const planned = planSupersenses(run, supersenseSizes);
      const { metrics } = await planned.make({ device, folder: "results/search" });
      tried[method.key][learningRate] = metrics.accuracy as number;
      console.error(method.key, learningRate, metrics.accuracy);
    }
  }
  const file = "experiments/supersenses/learning_rates.json";
  await writeJsonAtomic(file, { split: "validation", seed, tried });
}
