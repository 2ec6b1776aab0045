/** What the figures on subspaces and amplification are made of: updates, weights and metrics. @module */

import { injectLora, type LowRankUpdate, siteName } from "../../adapt/mod.ts";
import type { DenseMatrix } from "../../linalg/mod.ts";
import type { TextModel } from "../../models/mod.ts";
import type { Linear } from "../../nn/mod.ts";
import { loadBase } from "../base_model.ts";
import type { ExperimentContext } from "../experiment.ts";
import { openEvaluation } from "../gloss_runs.ts";
import { adapterFolders, readUpdates } from "./adapters.ts";
import { type StudyRun, subspaceRuns } from "./runs.ts";
import { secondMoments } from "./second_moment.ts";
import { type InputMetric, metricOf } from "./spaces.ts";
import { studyData } from "./training.ts";

/** Roles of the runs on subspaces. */
export type StudySite = "q" | "v";

/** One adapted matrix with its updates. */
export interface StudyModule {
  /** `transformer.h.0.attn.c_attn:q`. */
  readonly name: string;
  /** Its role. */
  readonly site: StudySite;
  /** Number of its layer. */
  readonly layer: number;
  /** W, (out, in). */
  readonly weight: DenseMatrix;
  /** Of its inputs on the base. */
  readonly metric: InputMetric;
  /** Its updates at a rank, one for each seed, in their order. */
  readonly updates: ReadonlyMap<number, readonly LowRankUpdate[]>;
}

/** Reads everything, after training what is not there; layer by layer, q before v. */
export async function loadStudy(
  ranks: readonly number[],
  context: ExperimentContext,
): Promise<StudyModule[]> {
  const runs = ranks.flatMap(subspaceRuns), folders = await adapterFolders(runs, context);
  using base = await loadBase(context.device);
  const adapters: LowRankUpdate[][] = [];
  for (const folder of folders) adapters.push(await readUpdates(base, folder));
  const layers = base.linears.filter(({ parts }) => parts.q && parts.v);
  const metrics = await inputMetrics(base, layers);
  const modules = layers.flatMap((linear, layer) =>
    (["q", "v"] as const).map(async (site): Promise<StudyModule> => {
      const name = `${linear.name}:${site}`;
      const weight = await weightOf(base, linear, site), metric = metrics.get(linear.name)!;
      const updates = byRank(runs, adapters.map((sites) => siteNamed(sites, name)));
      return { name, site, layer, weight, metric, updates };
    })
  );
  return await Promise.all(modules);
}

/** The metric of each layer's inputs: the base's, on the validation split. */
async function inputMetrics(
  base: TextModel,
  layers: readonly Linear[],
): Promise<Map<string, InputMetric>> {
  const data = studyData(false), { examples } = data.evaluation;
  const batches = await openEvaluation({ ...data, evaluation: { split: "validation", examples } });
  const moments = await secondMoments(base, layers.map(({ name }) => name), batches);
  return new Map([...moments].map(([name, moment]) => [name, metricOf(moment)]));
}

async function weightOf(base: TextModel, linear: Linear, site: StudySite): Promise<DenseMatrix> {
  using dense = linear.weight.dense();
  const [{ data }] = await base.device.read(dense);
  const { start, count } = linear.parts[site]!, columns = linear.weight.shape[1];
  const rows = data.subarray(start * columns, (start + count) * columns);
  return { rows: count, columns, data: Float64Array.from(rows) };
}

function byRank(
  runs: readonly StudyRun[],
  updates: readonly LowRankUpdate[],
): Map<number, LowRankUpdate[]> {
  const groups = Map.groupBy(updates.keys(), (i) => runs[i].rank);
  return new Map([...groups].map(([rank, places]) => [rank, places.map((i) => updates[i])]));
}

function siteNamed(sites: readonly LowRankUpdate[], name: string): LowRankUpdate {
  const found = sites.find((site) => siteName(site) === name);
  if (found) return found;
  throw new RangeError(
    `the study needs an update of ${name}, found ${sites.map(siteName).join(", ")}`,
  );
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
