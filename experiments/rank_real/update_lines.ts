/** The study's adapters: their folders, the modules that they change, and their updates in numbers. @module */

import { join } from "node:path";
import type { LoraAdapter, LowRankUpdate } from "../../src/adapt/mod.ts";
import { kindOf } from "../../src/storage/storage.ts";
import type { Device, DeviceKind } from "../../src/device/device.ts";
import { readAdapter } from "../../src/formats/mod.ts";
import type { BaseWeights } from "../../src/inspect/second_moments.ts";
import { describeUpdate, type UpdateRow } from "../../src/inspect/mod.ts";
import { applyMethod, runFiles } from "../../src/runs/mod.ts";
import { openBase } from "../methods/e2e/runs.ts";
import { chooseLeast, type TriedRates } from "../methods/rates.ts";
import { nameOf, type Place } from "./cells.ts";
import { crossedRun, crossedStarts, longRuns, longSteps, methodOf } from "./plan.ts";
import { chosenRuns, packed, unpacked } from "./rows.ts";
import { keptFolder, type RealRun, realSpec } from "./runs.ts";
import type { RealTask } from "./task.ts";

/** Every LoRA run on q and v whose rate was searched; of q alone the losses are asked. */
export function loraRuns(tried: Readonly<Record<string, TriedRates>>): RealRun[] {
  const rateOf = (key: string) => chooseLeast(tried[key]).learningRate;
  const crossed = (key: string, run: { start: number; data: number; steps?: number }) =>
    key in tried ? [crossedRun(methodOf(key), rateOf(key), run)] : [];
  return [
    ...chosenRuns(tried).filter(({ method, measured }) =>
      method.kind === "lora" && measured === "all"
    ),
    ...crossedStarts.flatMap((run) => crossed("qv-64", run)),
    ...longRuns.flatMap(({ key, ...run }) => crossed(key, { ...run, steps: longSteps })),
  ];
}

/** A stored adapter. */
export interface StoredUpdate {
  /** The run and the step that it is of. */
  readonly place: Place;
  /** Its PEFT folder. */
  readonly folder: string;
  /** The folder of its run. */
  readonly run: string;
}

/** A finished run's adapters: at its end, and those that were kept after some steps. */
export function placesIn(
  { key, start, data, steps, kept = [] }: RealRun,
  folder: string,
): StoredUpdate[] {
  const stored = (at: number, own: string): StoredUpdate => ({
    ...{ place: { key, start, data, steps, at }, folder: own, run: folder },
  });
  return [
    stored(steps, join(folder, "adapter")),
    ...kept.map((at) => stored(at, keptFolder(folder, at))),
  ];
}

/** Adapters of q and v before their first step, by their names: A is drawn from the start's seed, B is zero. */
export async function startUpdates(
  places: readonly Place[],
  task: RealTask,
  device: Device,
): Promise<Map<string, readonly LowRankUpdate[]>> {
  using base = await openBase(device, task.heldOut);
  const found = new Map<string, readonly LowRankUpdate[]>();
  for (const place of places) {
    using adapter = await applyMethod(base, methodOf(place.key).spec, place.start) as LoraAdapter;
    found.set(nameOf(place), await adapter.read());
  }
  return found;
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

/** The numbers that are kept of a module, with the unit in which each is packed. */
export const numbers = {
  relativeNorm: [1e-4, ({ relativeNorm }) => relativeNorm!],
  stableRank: [1e-3, ({ stableRank }) => stableRank],
  effectiveRank: [1e-3, ({ effectiveRank }) => effectiveRank],
  energyRank90: [1, ({ energyRank90 }) => energyRank90],
  first: [1e-4, ({ singularValues: [first], frobenius }) => (first / frobenius) ** 2],
  aboveNoise: [1, ({ aboveNoise }) => aboveNoise],
  factor: [1e-3, ({ amplification }) => amplification!.factor],
  timesRandom: [1e-3, ({ amplification }) => amplification!.timesRandom],
  intruders: [1, ({ intruders }) => intruders!.count],
  blockIntruders: [1, ({ intruders }) => intruders!.blockCount],
} as const satisfies Record<string, readonly [number, (row: UpdateRow) => number]>;

/** The name of a number. */
export type NumberName = keyof typeof numbers;

/** One site of one adapter: its numbers by layer, packed. */
export type UpdateLine =
  & { readonly name: string; readonly site: Site["site"]; readonly source?: string }
  & Readonly<
    Record<NumberName, string>
  >;

const names = Object.keys(numbers) as NumberName[];

/** The lines of an adapter. */
export async function updateLines(
  name: string,
  updates: readonly LowRankUpdate[],
  weights: BaseWeights,
): Promise<UpdateLine[]> {
  const rows = await Promise.all(updates.map(async (update) => ({
    ...siteOf(update),
    row: describeUpdate(update, { weight: await weights.weightOf(update), intruders: true }),
  })));
  const sites = Map.groupBy(rows, ({ site }) => site);
  return Array.from(sites, ([site, own]): UpdateLine => {
    const values = names.map((key) => {
      const [unit, value] = numbers[key];
      return [key, packed(own.map(({ row }) => value(row)), unit)];
    });
    return { name, site, ...Object.fromEntries(values) as Record<NumberName, string> };
  });
}

/** A number of every layer. */
export const layersOf = (line: UpdateLine, key: NumberName): number[] =>
  unpacked(line[key], numbers[key][0]);
