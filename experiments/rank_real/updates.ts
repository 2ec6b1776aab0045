/** The study's adapters, read from the folder of its runs, and the modules that they change. @module */

import { join } from "node:path";
import { kindOf } from "../../src/storage/storage.ts";
import type { DeviceKind } from "../../src/device/device.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import type { LowRankUpdate } from "../../src/adapt/mod.ts";
import { runFiles } from "../../src/runs/mod.ts";
import type { TriedRates } from "../methods/rates.ts";
import { nameOf, type Place } from "./cells.ts";
import { crossedRun, crossedStarts, longRuns, longSteps, methodOf } from "./plan.ts";
import { chosenRuns } from "./rows.ts";
import { keptFolder, type RealRun, realSpec } from "./runs.ts";
import { chosenRate } from "./search.ts";
import type { RealTask } from "./task.ts";

/** Every LoRA run whose rate was searched. */
export function loraRuns(tried: Readonly<Record<string, TriedRates>>): RealRun[] {
  const rateOf = (key: string) => chosenRate(tried[key]).learningRate;
  const crossed = (key: string, run: { start: number; data: number; steps?: number }) =>
    key in tried ? [crossedRun(methodOf(key), rateOf(key), run)] : [];
  return [
    ...chosenRuns(tried).filter(({ method }) => method.kind === "lora"),
    ...crossedStarts.flatMap((run) => crossed("qv-64", run)),
    ...longRuns.flatMap(({ key, ...run }) => crossed(key, { ...run, steps: longSteps })),
  ];
}

/** Where an adapter is. */
export interface StoredUpdate {
  /** Which it is. */
  readonly place: Place;
  /** Its PEFT folder. */
  readonly folder: string;
}

/** A finished run's adapters: at its end, and those that were kept after some steps. */
export function placesIn(
  { key, start, data, steps, kept = [] }: RealRun,
  folder: string,
): StoredUpdate[] {
  const place = (at: number) => ({ key, start, data, steps, at });
  return [
    { place: place(steps), folder: join(folder, "adapter") },
    ...kept.map((at) => ({ place: place(at), folder: keptFolder(folder, at) })),
  ];
}

/** The adapters in a folder of runs, by their names: of those that are finished. */
export async function storedUpdates(
  runs: readonly RealRun[],
  task: RealTask,
  folder: string,
  device: DeviceKind,
): Promise<Map<string, StoredUpdate>> {
  const found = new Map<string, StoredUpdate>();
  for (const run of runs) {
    const files = await runFiles(folder, await realSpec(task, run, device));
    if (await kindOf(files.done) !== "file") continue;
    for (const one of placesIn(run, files.folder)) found.set(nameOf(one.place), one);
  }
  return found;
}

/** A module that adapters of q and v change. */
export interface Site {
  /** Its role. */
  readonly site: "q" | "v";
  /** Its block, counted from 0. */
  readonly layer: number;
}

/** The module that an update changes: `model.layers.3.self_attn.q_proj`. */
export function siteOf({ module }: Pick<LowRankUpdate, "module">): Site {
  const [, layer, site] = /\.(\d+)\.self_attn\.([qv])_proj$/.exec(module)!;
  return { site: site as Site["site"], layer: Number(layer) };
}

/** The updates of an adapter. */
export const readUpdates = async ({ folder }: StoredUpdate): Promise<readonly LowRankUpdate[]> =>
  (await readAdapter(folder)).updates;
