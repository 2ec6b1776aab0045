/** The adapters of the rank study: shipped, or trained now. @module */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readJson } from "../../core/files.ts";
import { loadAdapter, type LowRankUpdate } from "../../adapt/mod.ts";
import { readAdapter, writeAdapter } from "../../formats/mod.ts";
import type { TextModel } from "../../models/mod.ts";
import { hashOf } from "../../runs/mod.ts";
import type { ExperimentContext } from "../experiment.ts";
import { glossSpec, planGloss } from "../gloss_runs.ts";
import { makeRuns, type PlannedRun } from "../planned_runs.ts";
import { nameOf, type StudyRun } from "./runs.ts";
import { glossRunOf } from "./training.ts";

/** Where shipped adapters lie, a PEFT folder for each run, and `runs.json`. */
export const shippedFolder: string = fileURLToPath(
  new URL("../../../models/rank-study", import.meta.url),
);

/** What `runs.json` says. */
export interface ShippedRuns {
  /** The devices that they were trained on. */
  readonly devices: readonly string[];
  /** The hash of each run's specification by its name. */
  readonly runs: Readonly<Record<string, string>>;
}

/** The shipped PEFT folder of a run; none where its specification is not the one that was trained. */
export async function shippedAdapter(run: StudyRun, quick: boolean): Promise<string | undefined> {
  const { runs } = await readJson(join(shippedFolder, "runs.json")) as ShippedRuns;
  const name = nameOf(run), spec = await glossSpec(glossRunOf(run, quick), "cpu");
  return runs[name] === await hashOf(spec) ? join(shippedFolder, name) : undefined;
}

/** The runs that a job has to make: all in a full one, else those that are not shipped. */
export async function plannedRuns(
  runs: readonly StudyRun[],
  { full, quick }: Pick<ExperimentContext, "full" | "quick">,
): Promise<PlannedRun[]> {
  const folders = await Promise.all(runs.map((run) => shippedAdapter(run, quick)));
  return runs.filter((_, i) => full || !folders[i])
    .map((run) => planGloss(glossRunOf(run, quick), nameOf(run)));
}

/** The PEFT folder of every run, in F16, shipped or made now under `<out>/adapters/rank-study`. */
export async function adapterFolders(
  runs: readonly StudyRun[],
  context: ExperimentContext,
): Promise<string[]> {
  const plan = await plannedRuns(runs, context), made = await makeRuns(plan, context);
  const folderOf = new Map(made.map(({ folder }, i) => [plan[i].label, folder]));
  return await Promise.all(runs.map(async (run) => {
    const trained = folderOf.get(nameOf(run));
    return trained
      ? await writeHalf(trained, join(context.out, "adapters", "rank-study", nameOf(run)))
      : (await shippedAdapter(run, context.quick))!;
  }));
}

/** Writes a run's adapter as it is shipped, in F16. */
export async function writeHalf(runFolder: string, folder: string): Promise<string> {
  const { config, updates } = await readAdapter(join(runFolder, "adapter"));
  const { fanInFanOut } = config, baseModelName = "tiny-gpt2";
  await writeAdapter(folder, { updates, fanInFanOut, baseModelName, dtype: "F16" });
  return folder;
}

/** The updates of an adapter's sites, in the order of the forward pass. */
export async function readUpdates(model: TextModel, folder: string): Promise<LowRankUpdate[]> {
  using adapter = await loadAdapter(model, folder);
  return await adapter.read();
}
