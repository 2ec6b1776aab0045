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
import { type UpdateLine, updateLines } from "../experiments/rank_real/update_lines.ts";
import {
  mergedCells,
  mergedRows,
  mergedScaled,
  mergedUpdates,
} from "../experiments/rank_real/merged.ts";
import { searchSeed } from "../experiments/rate_search.ts";
import {
  loraRuns,
  readUpdates,
  siteOf,
  type StoredUpdate,
  storedUpdates,
} from "../experiments/rank_real/updates.ts";
import type { TriedRates } from "../experiments/methods/rates.ts";
import { readJson, writeJsonAtomic } from "../src/storage/files.ts";
import { kindOf } from "../src/storage/storage.ts";
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

/** What is saved, with what was there before. */
async function save<Rows>(
  name: string,
  { source }: Pick<Job, "source">,
  rows: Rows,
  merge: (before: Rows, now: Rows) => Rows,
): Promise<Rows> {
  const file = join(dataFolder, `${name}.json`);
  const { rows: before } = await readJson(file) as { readonly rows: Rows };
  const all = merge(before, rows);
  await writeJsonAtomic(file, { source, seeds: dataSeeds, rows: all });
  return all;
}

/** What a file holds, made where it does not exist. */
async function kept<T>(file: string, make: () => Promise<T>): Promise<T> {
  if (await kindOf(file) !== "file") await writeJsonAtomic(file, await make());
  return await readJson(file) as T;
}

async function shipRows(job: Job): Promise<void> {
  const { task, device, folder, tried } = job, made = [];
  for (const chosen of chosenRuns(tried)) {
    const spec = await realSpec(task, chosen, device.kind);
    const result = await readRun(await runFiles(join(folder), spec), spec);
    if (result) made.push({ ...result, chosen });
  }
  const base = await kept(join(folder, "base.json"), () => measureBase(task, device));
  const { rows } = await save("losses", job, await rowsOf(made, task, base), mergedRows);
  console.log(`${rows.length} rows`);
}

async function shipUpdates(stored: readonly StoredUpdate[], job: Job): Promise<void> {
  const { task, folder } = job, lines: UpdateLine[] = [];
  using weights = await openBaseWeights(task.heldOut.base);
  for (const one of stored.filter(({ place: { at, steps } }) => at === steps)) {
    const name = nameOf(one.place), file = join(folder, `${name}.json`);
    lines.push(...await kept(file, async () => updateLines(name, await readUpdates(one), weights)));
  }
  await save("updates", job, lines, mergedUpdates);
}

async function shipCells(stored: ReadonlyMap<string, StoredUpdate>, job: Job): Promise<void> {
  const { task, device } = job;
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
  await save("cells", job, cellLines(found), mergedCells);
}

async function shipScaled(job: Job): Promise<void> {
  const { folder } = job, rows: ScaledRow[] = [];
  for (const key of scaledKeys) {
    for (const data of dataSeeds) {
      const file = join(folder, scaledFile(key, data));
      if (await kindOf(file) === "file") rows.push(...await readJson(file) as ScaledRow[]);
    }
  }
  await save("scaled", job, rows, mergedScaled);
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
  await writeJsonAtomic(join(dataFolder, "learning_rates.json"), {
    ...{ split: "validation", seed: searchSeed, tried },
  });
  const stored = await storedUpdates(loraRuns(tried), task, folder, device.kind);
  await shipRows(job);
  await shipUpdates([...stored.values()], job);
  await shipCells(stored, job);
  await shipScaled(job);
  await shipAdapters(stored.values());
  if (places.base === packedPath) await shipWeights(task.heldOut.base);
}
