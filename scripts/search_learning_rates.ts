/**
 * Tries every learning rate of the grid with every method of an experiment, one seed each, and writes
 * what they gave on the validation split, which no table reports, beside the experiment's code.
 *
 *     deno task search:rates adaptation
 *     deno task search:rates rank_study
 *     deno task search:rates encoder_study
 *
 * Finished runs under `results/search` are not trained again.
 *
 * @module
 */

import { writeJsonAtomic } from "../src/core/files.ts";
import { openCpuDevice } from "../src/device/cpu/cpu_device.ts";
import type { Device } from "../src/device/device.ts";
import type { JsonRecord, MethodSpec } from "../src/runs/mod.ts";

import { adaptationSteps, learningRateGrid, methods } from "../experiments/adaptation/methods.ts";
import { searchStudy } from "../experiments/encoder_study/search.ts";
import { type GlossData, glossData, planGloss, shortGlossData } from "../experiments/gloss_runs.ts";
import { methodOf, searched, studySteps } from "../experiments/rank_study/runs.ts";

interface Search {
  readonly methods: readonly { readonly key: string; readonly spec: MethodSpec }[];
  readonly steps: number;
  readonly grid: readonly number[];
  readonly data: GlossData;
}

/** None of the seeds that are reported, which count up from 1. */
const seed = 1000;
const evaluation = { split: "validation", examples: 512 } as const;
const folder = "results/search";

const searches: Readonly<Record<string, (device: Device) => Promise<JsonRecord>>> = {
  adaptation: (device) =>
    searchGloss(device, {
      ...{ methods, steps: adaptationSteps, grid: learningRateGrid },
      data: shortGlossData("noun", false),
    }),
  rank_study: (device) =>
    searchGloss(device, {
      methods: [{ key: searched.key, spec: methodOf(searched) }],
      steps: studySteps,
      // The grid's best was its last.
      grid: [...learningRateGrid, 0.1],
      data: glossData("noun", false),
    }),
  encoder_study: (device) => searchStudy(device, folder),
};

async function searchGloss(device: Device, search: Search): Promise<JsonRecord> {
  const losses: Record<string, Record<string, number | null>> = {};
  for (const { key, spec } of search.methods) {
    losses[key] = {};
    for (const learningRate of search.grid) {
      const loss = await lossAt(device, spec, learningRate, search);
      losses[key][String(learningRate)] = loss;
      console.error(key, learningRate, loss);
    }
  }
  return { split: "validation", seed, steps: search.steps, losses };
}

/** The loss on the validation split; `null` where training diverges. */
async function lossAt(device: Device, method: MethodSpec, learningRate: number, search: Search) {
  const { steps } = search, data = { ...search.data, evaluation };
  const chosen = { method, learningRate, seed, steps, data };
  try {
    const run = await planGloss(chosen, "").make({ device, folder });
    return run.metrics.loss as number;
  } catch (error) {
    console.error((error as Error).message);
    return null;
  }
}

if (import.meta.main) {
  const [name] = Deno.args;
  if (!Object.hasOwn(searches, name)) {
    throw new RangeError(`give one of ${Object.keys(searches).join(", ")}`);
  }
  using device = await openCpuDevice();
  await writeJsonAtomic(`experiments/${name}/learning_rates.json`, await searches[name](device));
}
