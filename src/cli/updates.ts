/** Reading an adapter folder without a device. @module */

import { listNames } from "../core/module_names.ts";
import { type PeftAdapter, readAdapter } from "../formats/mod.ts";
import type { AllowOption } from "./arguments.ts";
import { type CommonOptions, note, notePassed } from "./common.ts";
import { assertAdapterFolder } from "../formats/folder_kind.ts";

/** Reads an adapter's configuration and updates, and notes what else its folder contains. */
export async function readUpdates(
  folder: string,
  options: CommonOptions & AllowOption,
): Promise<PeftAdapter> {
  await assertAdapterFolder(folder);
  const adapter = await readAdapter(folder, { updatesOnly: true, allow: options.allow });
  const { leftOut, passed } = adapter;
  notePassed(options, folder, passed);
  if (leftOut.length > 0) {
    note(options, `left out of ${folder}, beside A and B: ${listNames(leftOut)}`);
  }
  return adapter;
}
