/**
 * Copies the adapters of the rank study that are shipped, in F16, from a folder where they were trained.
 *
 *     deno task reproduce --full --only subspaces,amplification,which-matrices,which-rank --device cpu
 *     deno task ship:adapters results
 *
 * @module
 */

import { join } from "node:path";
import { writeJsonAtomic } from "../src/storage/files.ts";
import { glossSpec } from "../experiments/gloss_runs.ts";
import { shippedFolder, type ShippedRuns, writeHalf } from "../experiments/rank_study/adapters.ts";
import { glossRunOf, nameOf, shippedRuns } from "../experiments/rank_study/runs.ts";
import { hashOf, readRun, runFiles } from "../src/runs/mod.ts";

if (import.meta.main) {
  const [results = "results"] = Deno.args;
  const runs: Record<string, string> = {}, devices = new Set<string>();
  for (const run of shippedRuns()) {
    const spec = await glossSpec(glossRunOf(run, false), "cpu"), name = nameOf(run);
    const result = await readRun(await runFiles(join(results, "runs"), spec), spec);
    if (!result) throw new RangeError(`shipping needs a finished run of ${name}, found none`);
    await writeHalf(result.folder, join(shippedFolder, name));
    runs[name] = await hashOf(spec);
    devices.add(result.device);
  }
  const index: ShippedRuns = { devices: [...devices], runs };
  await writeJsonAtomic(join(shippedFolder, "runs.json"), index);
}
