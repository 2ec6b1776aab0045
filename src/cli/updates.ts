/** Reading an adapter folder without a device. @module */

import { listNames } from "../core/module_names.ts";
import type { PeftAdapter, TrainedUpdate } from "../formats/mod.ts";
import { streamAdapter } from "../formats/read_adapter.ts";
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
  await assertAdapterFolder(folder);
  await using stream = streamAdapter(folder, { updatesOnly: true, allow: options.allow });
  let next = await stream.next();
  for (; !next.done; next = await stream.next()) await take(next.value);
  const { leftOut, passed } = next.value;
  notePassed(options, folder, passed);
  if (leftOut.length > 0) {
    note(options, `left out of ${folder}, beside A and B: ${listNames(leftOut)}`);
  }
  return next.value;
}
