/** The adapters of the rank study: shipped with the repository, or trained now. @module */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { readJson } from "../../src/storage/files.ts";
import { readAdapter, writeAdapter } from "../../src/formats/mod.ts";
import { hashOf, type RunResult } from "../../src/runs/mod.ts";
import type { ExperimentContext, PlanContext, PlannedRun } from "../frame/mod.ts";
import { glossSpec, planGloss } from "../gloss_runs.ts";
import { glossRunOf, nameOf, type StudyRun } from "./runs.ts";

/** The folder of the shipped adapters: a PEFT folder for each run, and `runs.json`. */
export const shippedFolder: string = fileURLToPath(
  new URL("../../models/rank-study", import.meta.url),
);

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
