/**
 * Saves what the runs of the study of a real base have found so far: rates, rows, numbers of their updates, and adapters
 * of six layers in F16. Runs that are not finished are left out; what was measured of others is kept beside them.
 *
 *     deno task ship:real results/real
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findReal, openReal, packedPath, type RealTask } from "../experiments/rank_real/task.ts";
import { dataSeeds } from "../experiments/rank_real/plan.ts";
import { scaledKeys, type ScaledRow } from "../experiments/rank_real/scaling.ts";
import { cellLines } from "../experiments/rank_real/cell_lines.ts";
import { cellsAt, nameOf, readAt } from "../experiments/rank_real/cells.ts";
import { adaptersFolder, isShipped, shippedLayers } from "../experiments/rank_real/shipped.ts";
import { chosenRuns, measureBase, rowsOf } from "../experiments/rank_real/rows.ts";
import { realSpec } from "../experiments/rank_real/runs.ts";
import { inputMetric } from "../experiments/rank_real/metric.ts";
import { cellSimilarities } from "../experiments/rank_real/subspace_rows.ts";
import { shipWeights } from "../experiments/rank_real/weights.ts";
import { updateLines } from "../experiments/rank_real/update_lines.ts";
import {
  loraRuns,
  readUpdates,
  siteOf,
  type StoredUpdate,
  storedUpdates,
} from "../experiments/rank_real/updates.ts";
import type { TriedRates } from "../experiments/methods/rates.ts";
import { readJson, writeJsonAtomic } from "../src/core/files.ts";
import { kindOf } from "../src/core/storage.ts";
import { openCpuDevice } from "../src/device/cpu/cpu_device.ts";
import type { Device } from "../src/device/device.ts";
import { readAdapter, writeAdapter } from "../src/formats/mod.ts";
import { openBaseWeights } from "../src/inspect/mod.ts";
import { readRun, runFiles } from "../src/runs/mod.ts";
import { type FoundRates, ratesFile, scaledFile } from "./train_rank_real.ts";

/** What is read and where it is saved. */
interface Job {
  readonly task: RealTask;
  readonly device: Device;
  readonly folder: string; // of the runs
  readonly tried: Readonly<Record<string, TriedRates>>;
  readonly source: string;
}

const dataFolder = fileURLToPath(new URL("../experiments/rank_real", import.meta.url));

const save = (name: string, content: unknown) =>
  writeJsonAtomic(join(dataFolder, `${name}.json`), content);

/** What a file holds, made where it does not exist. */
async function kept<T>(file: string, make: () => Promise<T>): Promise<T> {
  if (await kindOf(file) !== "file") await writeJsonAtomic(file, await make());
  return await readJson(file) as T;
}

async function shipRows({ task, device, folder, tried, source }: Job): Promise<void> {
  const made = [];
  for (const chosen of chosenRuns(tried)) {
    const spec = await realSpec(task, chosen, device.kind);
    const result = await readRun(await runFiles(join(folder), spec), spec);
    if (result) made.push({ ...result, chosen });
  }
  const base = await kept(join(folder, "base.json"), () => measureBase(task, device));
  const seeds = [...new Set(made.map(({ chosen }) => chosen.data))].sort();
  await save("losses", { source, seeds, rows: await rowsOf(made, task, base) });
  console.log(`${made.length} reported runs`);
}

async function shipUpdates(stored: readonly StoredUpdate[], { task, folder, source }: Job) {
  using weights = await openBaseWeights(task.heldOut.base);
  const lines = [];
  for (const one of stored.filter(({ place: { at, steps } }) => at === steps)) {
    const name = nameOf(one.place), file = join(folder, `${name}.json`);
    lines.push(...await kept(file, async () => updateLines(name, await readUpdates(one), weights)));
  }
  await save("updates", { source, rows: lines });
}

async function shipCells(
  stored: ReadonlyMap<string, StoredUpdate>,
  { task, device, source }: Job,
): Promise<void> {
  const cells = readAt.flatMap(([at, steps]) =>
    cellsAt(at, steps, (place) => stored.has(nameOf(place)))
  );
  if (cells.length === 0) return;
  const names = new Set(
    cells.flatMap(({ ranks, seeds }) => [...ranks, ...seeds].flat().map(nameOf)),
  );
  const updates = new Map(
    await Promise.all(
      Array.from(names, async (name) => [name, await readUpdates(stored.get(name)!)] as const),
    ),
  );
  const modules = [...updates.values()][0].map(({ module }) => module);
  const found = cellSimilarities(updates, cells, await inputMetric(task, device, modules));
  await save("cells", { source, rows: cellLines(found) });
}

async function shipScaled({ folder, source }: Job): Promise<void> {
  const rows = [];
  for (const key of scaledKeys) {
    for (const data of dataSeeds) {
      const file = join(folder, scaledFile(key, data));
      if (await kindOf(file) === "file") rows.push(...await readJson(file) as ScaledRow[]);
    }
  }
  await save("scaled", { source, rows });
}

async function shipAdapters(stored: Iterable<StoredUpdate>): Promise<void> {
  for (const { place, folder } of stored) {
    if (!isShipped(place)) continue;
    const { config: { fanInFanOut }, updates, promptFormat, start } = await readAdapter(folder);
    await writeAdapter(join(adaptersFolder, nameOf(place)), {
      updates: updates.filter((update) => shippedLayers.includes(siteOf(update).layer)),
      ...{ fanInFanOut, promptFormat, start, dtype: "F16" },
      baseModelName: "HuggingFaceTB/SmolLM2-135M-Instruct",
    });
  }
}

if (import.meta.main) {
  const [folder = "results/real"] = Deno.args, places = await findReal();
  if (!places) throw new RangeError(`shipping needs LOWRANK_DATA with ${packedPath}`);
  using device = await openCpuDevice({ threads: 1 });
  const { commit, tried } = await readJson(join(folder, ratesFile)) as FoundRates;
  const task = openReal(places);
  const made = new Date().toISOString().slice(0, 16).replace("T", " ");
  const source = `commit ${commit?.slice(0, 7)}, ${device.description}, ${made} UTC`;
  const job = { task, device, folder, tried, source };
  await save("learning_rates", { split: "validation", seed: 1000, tried });
  const stored = await storedUpdates(loraRuns(tried), task, folder, device.kind);
  await shipRows(job);
  await shipUpdates([...stored.values()], job);
  await shipCells(stored, job);
  await shipScaled(job);
  await shipAdapters(stored.values());
  if (places.base === packedPath) await shipWeights(task.heldOut.base);
}
