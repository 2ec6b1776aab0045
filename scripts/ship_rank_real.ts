/**
 * Saves what the runs of the study of a real base have found so far: rates, rows, numbers of their updates, and adapters
 * of six layers in F16. Runs that are not finished are left out; what was measured of others is kept beside them. Every row
 * names the commit, the device and the day that made it.
 *
 *     deno task ship:real results/real
 *
 * @module
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TriedRates } from "../experiments/methods/rates.ts";
import {
  type Cell,
  cellsAt,
  nameOf,
  placesOfCells,
  readAt,
} from "../experiments/rank_real/cells.ts";
import { measuredCells } from "../experiments/rank_real/subspaces.ts";
import {
  chosenRuns,
  measureBase,
  type RealRows,
  runRows,
  untrainedRows,
} from "../experiments/rank_real/rows.ts";
import { realSpec } from "../experiments/rank_real/runs.ts";
import { scaledKeys, type ScaledRow } from "../experiments/rank_real/scaling.ts";
import {
  adaptersFolder,
  isShipped,
  shippedLayers,
  shipWeights,
} from "../experiments/rank_real/shipped_adapters.ts";
import {
  mergedCells,
  mergedRows,
  mergedScaled,
  mergedUpdates,
  readSource,
  seedsOf,
  sourceNow,
  sourcesOf,
  sourceText,
} from "../experiments/rank_real/shipped_rows.ts";
import { cellLines } from "../experiments/rank_real/similarities.ts";
import { findReal, openReal, packedPath, type RealTask } from "../experiments/rank_real/task.ts";
import {
  loraRuns,
  readUpdates,
  siteOf,
  type StoredUpdate,
  storedUpdates,
  type UpdateLine,
  updateLines,
} from "../experiments/rank_real/update_lines.ts";
import { searchSeed } from "../experiments/rate_search.ts";
import { writeRows } from "./ship_rows.ts";
import type { LowRankUpdate } from "../src/adapt/mod.ts";
import { checkedOutCommit } from "../experiments/frame/checkout.ts";
import { readJson, writeJsonAtomic } from "../src/storage/files.ts";
import { kindOf } from "../src/storage/storage.ts";
import { openCpuDevice } from "../src/device/cpu/cpu_device.ts";
import type { Device } from "../src/device/device.ts";
import { readAdapter, writeAdapter } from "../src/formats/mod.ts";
import { openBaseWeights } from "../src/inspect/mod.ts";
import { readRun, runFiles } from "../src/runs/mod.ts";
import { type FoundRates, ratesFile, scaledFile } from "./train_rank_real.ts";

/** The runs, and the program that reads them. */
interface Job {
  readonly task: RealTask;
  readonly device: Device;
  readonly folder: string; // of the runs
  readonly tried: Readonly<Record<string, TriedRates>>;
  readonly source: string; // of what this program measures itself
}

const dataFolder = fileURLToPath(new URL("../experiments/rank_real", import.meta.url));

const fileOf = (name: string) => join(dataFolder, `${name}.json`);

/** The rows that were saved before. */
const savedRows = async <Rows>(name: string): Promise<Rows> =>
  (await readJson(fileOf(name)) as { readonly rows: Rows }).rows;

/** The content of a file, made where it does not exist: remove the file to measure again. */
async function kept<T>(file: string, make: () => Promise<T>): Promise<T> {
  if (await kindOf(file) !== "file") await writeJsonAtomic(file, await make());
  return await readJson(file) as T;
}

const readSourceText = async (folder: string): Promise<string> =>
  sourceText(await readSource(folder));

/** The rows that were saved before or, where there are none, those of what is not trained. */
async function rowsBefore({ task, device, source }: Job): Promise<RealRows> {
  const saved = await savedRows<RealRows>("losses");
  if (saved.rows.length > 0) return saved;
  const { rows, counts } = await untrainedRows(task, await measureBase(task, device));
  return { counts, rows: rows.map((row) => ({ ...row, source })) };
}

async function shipRows(job: Job): Promise<void> {
  const { task, device, folder, tried } = job, made = [], sources: string[] = [];
  for (const chosen of chosenRuns(tried)) {
    const spec = await realSpec(task, chosen, device.kind);
    const result = await readRun(await runFiles(folder, spec), spec);
    if (!result) continue;
    made.push({ ...result, chosen });
    sources.push(await readSourceText(result.folder));
  }
  const before = await rowsBefore(job);
  const rows = (await runRows(made, task)).map((row, i) => ({ ...row, source: sources[i] }));
  const all = mergedRows(before, { ...before, rows });
  const file = { source: sourcesOf(all.rows), seeds: seedsOf(all.rows), rows: all };
  await writeRows(fileOf("losses"), file);
  console.log(`${all.rows.length} rows`);
}

/** Saves rows beside those of before. */
async function save<Row extends { readonly source?: string }>(
  name: string,
  rows: readonly Row[],
  merge: (before: readonly Row[], now: readonly Row[]) => readonly Row[],
): Promise<void> {
  const all = merge(await savedRows(name), rows);
  await writeRows(fileOf(name), { source: sourcesOf(all), rows: all });
}

async function shipUpdates(stored: readonly StoredUpdate[], { task }: Job): Promise<void> {
  const lines: UpdateLine[] = [];
  using weights = await openBaseWeights(task.heldOut.base);
  for (const one of stored.filter(({ place: { at, steps } }) => at === steps)) {
    const name = nameOf(one.place), source = await readSourceText(one.run);
    const own = await kept(
      join(one.run, "updates.json"),
      async () => updateLines(name, await readUpdates(one), weights),
    );
    lines.push(...own.map((line) => ({ ...line, source })));
  }
  await save("updates", lines, mergedUpdates);
}

async function shipCells(stored: ReadonlyMap<string, StoredUpdate>, job: Job): Promise<void> {
  const { task, device, source } = job;
  const cells = readAt.flatMap(([at, steps]) =>
    cellsAt(at, steps, (place) => stored.has(nameOf(place)))
  );
  if (cells.length === 0) return;
  const updates = new Map<string, readonly LowRankUpdate[]>(), sources = new Map<string, string>();
  for (const name of placesOfCells(cells).map(nameOf)) {
    const one = stored.get(name)!;
    updates.set(name, await readUpdates(one));
    sources.set(name, await readSourceText(one.run));
  }
  const { found, start } = await measuredCells(updates, task, device);
  const sourceOf = (cell: Cell) =>
    sourcesOf(placesOfCells([cell]).map((place) => ({ source: sources.get(nameOf(place)) })));
  const lines = [...cellLines(start, () => source), ...cellLines(found, sourceOf)];
  await save("cells", lines, mergedCells);
}

async function shipScaled({ task, device, folder, tried }: Job): Promise<void> {
  const rows: ScaledRow[] = [];
  for (const run of chosenRuns(tried).filter(({ key }) => scaledKeys.includes(key))) {
    const { folder: own } = await runFiles(folder, await realSpec(task, run, device.kind));
    const file = join(own, scaledFile);
    if (await kindOf(file) === "file") rows.push(...await readJson(file) as ScaledRow[]);
  }
  await save("scaled", rows, mergedScaled);
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
  const { tried } = await readJson(join(folder, ratesFile)) as FoundRates;
  const task = openReal(places);
  const commit = await checkedOutCommit(fileURLToPath(new URL("..", import.meta.url)));
  const source = sourceText(sourceNow(commit, device.description));
  const job = { task, device, folder, tried, source };
  await writeJsonAtomic(fileOf("learning_rates"), {
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
