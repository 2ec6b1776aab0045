/** Reading an adapter folder without a device. @module */

import { listNames } from "../core/module_names.ts";
import type { PeftAdapter, TrainedUpdate } from "../formats/mod.ts";
import { AdapterReader } from "../formats/adapter_reader.ts";
import type { AllowOption } from "./arguments.ts";
import { type CommonOptions, note, notePassed } from "./common.ts";
import { assertAdapterFolder } from "../formats/folder_kind.ts";

/** Reads an adapter's configuration and updates, and notes what else its folder contains. */
export async function readUpdates(
  folder: string,
  options: CommonOptions & AllowOption,
): Promise<PeftAdapter> {
  const updates: TrainedUpdate[] = [];
  const others = await eachUpdate(folder, options, (update) => void updates.push(update));
  return { ...others, updates };
}

/** The same with one update after the other in memory. */
export async function eachUpdate(
  folder: string,
  options: CommonOptions & AllowOption,
  take: (update: TrainedUpdate) => void | Promise<void>,
): Promise<Omit<PeftAdapter, "updates">> {
  using reader = await openUpdates(folder, options);
  for (const module of reader.modules) {
    for (const update of await reader.read(module)) await take(update);
  }
  return await finishUpdates(folder, options, reader);
}

/** Opens an adapter whose updates alone are read, module by module. */
export async function openUpdates(
  folder: string,
  { allow }: AllowOption,
): Promise<AdapterReader> {
  await assertAdapterFolder(folder);
  return await AdapterReader.open(folder, { updatesOnly: true, allow });
}

/** Reads the rest, and notes what else the folder contains. */
export async function finishUpdates(
  folder: string,
  options: CommonOptions,
  reader: AdapterReader,
): Promise<Omit<PeftAdapter, "updates">> {
  const rest = await reader.finish(), { leftOut, passed } = rest;
  notePassed(options, folder, passed);
  if (leftOut.length > 0) {
    note(options, `left out of ${folder}, beside A and B: ${listNames(leftOut)}`);
  }
  return rest;
}
