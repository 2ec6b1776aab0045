/** The data of the experiments on subspaces and amplification: updates, weights and metrics. @module */

import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { activationsOf } from "../../src/analysis/mod.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import type { AdaptedModule } from "../../src/inspect/amplification_rows.ts";
import { openBaseWeights, secondMoments } from "../../src/inspect/mod.ts";
import type { Device } from "../../src/device/device.ts";
import type { RunResult } from "../../src/runs/mod.ts";
import { baseFolder, loadBase } from "../base_model.ts";
import type { ExperimentContext } from "../frame/mod.ts";
import { openEvaluation } from "../gloss_runs.ts";
import { adapterFolders } from "./adapters.ts";
import { studyData, subspaceRuns } from "./runs.ts";

/** Reads everything, layer by layer, q before v; `results` are those of the runs that are not shipped. */
export async function loadStudy(
  ranks: readonly number[],
  results: readonly RunResult[],
  context: ExperimentContext,
): Promise<AdaptedModule[]> {
  const runs = subspaceRuns(ranks), adapters: (readonly LowRankUpdate[])[] = [];
  for (const folder of await adapterFolders(runs, results, context)) {
    adapters.push((await readAdapter(folder)).updates);
  }
  const names = adapters[0].map(({ module }) => module), { device } = context;
  const metrics = await known.getOrInsertComputed(device, () => inputMetrics(device, names));
  using weights = await openBaseWeights(baseFolder);
  return await Promise.all(adapters[0].map(async (update, place): Promise<AdaptedModule> => {
    const { shape: [rows, columns], data } = await weights.weightOf(update);
    return {
      site: place % 2 === 0 ? "q" : "v",
      layer: place >> 1,
      weight: { rows, columns, data: Float64Array.from(data) },
      metric: metrics.get(update.module)!,
      updates: Map.groupBy(adapters.map((all) => all[place]), (_, i) => runs[i].rank),
    };
  }));
}

/** Metrics that each device has computed: two experiments read them. */
const known = new WeakMap<Device, ReturnType<typeof inputMetrics>>();

/** The metric of each layer's inputs: the base's, on the validation split. */
async function inputMetrics(device: Device, names: readonly string[]) {
  using base = await loadBase(device);
  const data = studyData(false), { examples } = data.evaluation;
  const batches = await openEvaluation({ ...data, evaluation: { split: "validation", examples } });
  const moments = await secondMoments(base, [...new Set(names)], batches);
  return new Map([...moments].map(([name, S]) => [name, { activations: activationsOf(S) }]));
}
