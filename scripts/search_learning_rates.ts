/**
 * Tries every learning rate of the grid with every method of an experiment, one seed each, and writes
 * the losses on the validation split, which no table reports, beside the experiment's code.
 *
 *     deno task search:rates adaptation
 *     deno task search:rates rank_study
 *
 * Finished runs under `results/search` are not trained again.
 *
 * @module
 */

import { writeJsonAtomic } from "../src/core/files.ts";
import { openCpuDevice } from "../src/device/cpu/cpu_device.ts";
import type { Device } from "../src/device/device.ts";
import type { MethodSpec } from "../src/runs/mod.ts";

import { adaptationSteps, learningRateGrid, methods } from "../experiments/adaptation/methods.ts";
import { type GlossData, glossData, planGloss, shortGlossData } from "../experiments/gloss_runs.ts";
import { methodOf, searched, studySteps } from "../experiments/rank_study/runs.ts";

interface Search {
  readonly methods: readonly { readonly key: string; readonly spec: MethodSpec }[];
  readonly steps: number;
  readonly grid: readonly number[];
  readonly data: GlossData;
}

const searches: Readonly<Record<string, Search>> = {
  adaptation: {
    ...{ methods, steps: adaptationSteps, grid: learningRateGrid },
    data: shortGlossData("noun", false),
  },
  rank_study: {
    methods: [{ key: searched.key, spec: methodOf(searched) }],
    steps: studySteps,
    // The grid's best was its last.
    grid: [...learningRateGrid, 0.1],
    data: glossData("noun", false),
  },
};

/** None of the seeds that are reported, which count up from 1. */
const seed = 1000;
const evaluation = { split: "validation", examples: 512 } as const;

/** The loss on the validation split; `null` where training diverges. */
async function lossAt(device: Device, method: MethodSpec, learningRate: number, search: Search) {
  const { steps } = search, data = { ...search.data, evaluation };
  const chosen = { method, learningRate, seed, steps, data };
  try {
    const run = await planGloss(chosen, "").make({ device, folder: "results/search" });
    return run.metrics.loss as number;
  } catch (error) {
    console.error((error as Error).message);
    return null;
  }
}

if (import.meta.main) {
  const [name] = Deno.args, search = searches[name];
  if (!search) throw new RangeError(`give one of ${Object.keys(searches).join(", ")}`);
  using device = await openCpuDevice();
  const losses: Record<string, Record<string, number | null>> = {};
  for (const { key, spec } of search.methods) {
    losses[key] = {};
    for (const learningRate of search.grid) {
      const loss = await lossAt(device, spec, learningRate, search);
      losses[key][String(learningRate)] = loss;
      console.error(key, learningRate, loss);
    }
  }
  await writeJsonAtomic(`experiments/${name}/learning_rates.json`, {
    split: "validation",
    seed,
    steps: search.steps,
    losses,
  });
}
