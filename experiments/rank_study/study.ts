/** What the figures on subspaces and amplification are made of: updates, weights and metrics. @module */

import { injectLora, loadAdapter, type LowRankUpdate, siteName } from "../../src/adapt/mod.ts";
import type { DenseMatrix } from "../../src/linalg/mod.ts";
import type { Gpt2 } from "../../src/models/mod.ts";
import type { Linear } from "../../src/nn/mod.ts";
import type { RunResult } from "../../src/runs/mod.ts";
import { loadBase } from "../base_model.ts";
import type { ExperimentContext } from "../frame/experiment.ts";
import { openEvaluation } from "../gloss_runs.ts";
import { adapterFolders } from "./adapters.ts";
import { studyData, subspaceRuns } from "./runs.ts";
import { secondMoments } from "./second_moment.ts";
import { type InputMetric, metricOf } from "./spaces.ts";

/** One adapted matrix with its updates. */
export interface StudyModule {
  /** Its role. */
  readonly site: "q" | "v";
  /** Number of its layer, counted from 0. */
  readonly layer: number;
  /** W, (out, in). */
  readonly weight: DenseMatrix;
  /** Of its inputs on the base. */
  readonly metric: InputMetric;
  /** Its updates by rank, one for each seed, in their order. */
  readonly updates: ReadonlyMap<number, readonly LowRankUpdate[]>;
}

/** Reads everything, layer by layer, q before v; `results` are those of the runs that are not shipped. */
export async function loadStudy(
  ranks: readonly number[],
  results: readonly RunResult[],
  context: ExperimentContext,
): Promise<StudyModule[]> {
  const runs = subspaceRuns(ranks), folders = await adapterFolders(runs, results, context);
  using base = await loadBase(context.device);
  const adapters: LowRankUpdate[][] = [];
  for (const folder of folders) adapters.push(await readUpdates(base, folder));
  const layers = base.linears.filter(({ parts }) => parts.q && parts.v);
  const metrics = await inputMetrics(base, layers);
  const modules = layers.flatMap((linear, layer) =>
    (["q", "v"] as const).map(async (site): Promise<StudyModule> => {
      const own = adapters.map((all) =>
        all.find((update) => siteName(update) === `${linear.name}:${site}`)!
      );
      const updates = Map.groupBy(own, (_, i) => runs[i].rank);
      return {
        site,
        layer,
        weight: await weightOf(base, linear, site),
        metric: metrics[layer],
        updates,
      };
    })
  );
  return await Promise.all(modules);
}

/** The updates of an adapter's sites, in the order of the forward pass. */
async function readUpdates(model: Gpt2, folder: string): Promise<LowRankUpdate[]> {
  using adapter = await loadAdapter(model, folder);
  return await adapter.read();
}

/** The metric of each layer's inputs: the base's, on the validation split. */
async function inputMetrics(base: Gpt2, layers: readonly Linear[]): Promise<InputMetric[]> {
  const data = studyData(false), { examples } = data.evaluation;
  const batches = await openEvaluation({ ...data, evaluation: { split: "validation", examples } });
  const moments = await secondMoments(base, layers.map(({ name }) => name), batches);
  return layers.map(({ name }) => metricOf(moments.get(name)!));
}

async function weightOf(base: Gpt2, linear: Linear, site: "q" | "v"): Promise<DenseMatrix> {
  using dense = linear.weight.dense();
  const [{ data }] = await base.device.read(dense);
  const { start, count: rows } = linear.parts[site]!, columns = linear.weight.shape[1];
  const own = data.subarray(start * columns, (start + rows) * columns);
  return { rows, columns, data: Float64Array.from(own) };
}

/** A, and B still zero, of q and v in every layer at step 0. */
export async function startingPoint(
  { device }: Pick<ExperimentContext, "device">,
  rank: number,
  seed: number,
): Promise<LowRankUpdate[]> {
  using base = await loadBase(device);
  using adapter = injectLora(base, { rank, sites: ["q", "v"], seed });
  return await adapter.read();
}
