/** The adapters of the rank study, shipped with the repository or trained now, and what subspaces and amplification read of them. @module */

import { join } from "node:path";
import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { activationsOf } from "../../src/analysis/mod.ts";
import type { Device } from "../../src/device/device.ts";
import { readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import type { AdaptedModule } from "../../src/inspect/amplification_rows.ts";
import { openBaseWeights, secondMoments } from "../../src/inspect/mod.ts";
import { hashOf, type RunResult } from "../../src/runs/mod.ts";
import { readJson } from "../../src/storage/files.ts";
import { baseFolder, loadBase } from "../base_model.ts";
import type { ExperimentContext, PlanContext, PlannedRun } from "../frame/mod.ts";
import { glossSpec, openEvaluation, planGloss } from "../gloss_runs.ts";
import { ownModels } from "../own_models.ts";
import { glossRunOf, nameOf, studyData, type StudyRun, subspaceRuns } from "./runs.ts";

/** The folder of the shipped adapters: a PEFT folder for each run, and `runs.json`. */
export const shippedFolder: string = ownModels("rank-study");

/** The content of `runs.json`. */
export interface ShippedRuns {
  readonly devices: readonly string[]; // the devices that they were trained on
  readonly runs: Readonly<Record<string, string>>; // the hash of each specification by its name
}

type Job = Pick<PlanContext, "full" | "quick">;

/** The PEFT folder that makes a run unnecessary: none in a full job, or if the shipped one has another specification. */
export async function shippedAdapter(
  run: StudyRun,
  { full }: Pick<Job, "full">,
): Promise<string | undefined> {
  if (full) return undefined;
  const { runs } = await readJson(join(shippedFolder, "runs.json")) as ShippedRuns;
  const name = nameOf(run), spec = await glossSpec(glossRunOf(run, false), "cpu");
  return runs[name] === await hashOf(spec) ? join(shippedFolder, name) : undefined;
}

/** The runs that a job has to make. */
export async function missingRuns(runs: readonly StudyRun[], job: Job): Promise<PlannedRun[]> {
  const shipped = await Promise.all(runs.map((run) => shippedAdapter(run, job)));
  return runs.filter((_, i) => !shipped[i])
    .map((run) => planGloss(glossRunOf(run, job.quick), nameOf(run)));
}

/**
 * The PEFT folder of every run, in F16: shipped, or written now to `<out>/adapters/rank-study`.
 *
 * @param results Those of {@link missingRuns}, in its order.
 */
export async function adapterFolders(
  runs: readonly StudyRun[],
  results: readonly RunResult[],
  context: ExperimentContext,
): Promise<string[]> {
  const made = results.values(), folders: string[] = [];
  for (const run of runs) {
    const folder = join(context.out, "adapters", "rank-study", nameOf(run));
    folders.push(
      await shippedAdapter(run, context) ?? await writeHalf(made.next().value!.folder, folder),
    );
  }
  return folders;
}

/** Writes a run's adapter as it is shipped, in F16. */
export async function writeHalf(runFolder: string, folder: string): Promise<string> {
  const { config, updates, promptFormat, start } = await readAdapter(join(runFolder, "adapter"));
  const { fanInFanOut } = config, baseModelName = "tiny-gpt2";
  const record = { updates, fanInFanOut, baseModelName, promptFormat, start };
  await writeAdapter(folder, { ...record, dtype: "F16" });
  return folder;
}

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
