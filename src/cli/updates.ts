/** Reading an adapter folder without a device. @module */

import { type PeftAdapter, readAdapter } from "../formats/mod.ts";
import { type CommonOptions, note } from "./common.ts";
import { assertAdapterFolder } from "../formats/folder_kind.ts";

/** Reads an adapter's configuration and updates, and notes what else its folder contains. */
export async function readUpdates(folder: string, options: CommonOptions): Promise<PeftAdapter> {
  await assertAdapterFolder(folder);
  const adapter = await readAdapter(folder, { updatesOnly: true });
  const { leftOut } = adapter;
  if (leftOut.length > 0) {
    note(options, `left out of ${folder}: fully trained tensors ${leftOut.join(", ")}`);
  }
  return adapter;
}
