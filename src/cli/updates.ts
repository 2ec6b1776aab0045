/** Reading the updates of an adapter folder. @module */

import { type LowRankUpdate, readAdapter } from "../formats/mod.ts";
import { type CommonOptions, note } from "./common.ts";

/** Reads the updates of an adapter, and notes what else its folder contains. */
export async function readUpdates(
  folder: string,
  options: CommonOptions,
): Promise<readonly LowRankUpdate[]> {
  const { updates, leftOut } = await readAdapter(folder, { updatesOnly: true });
  if (leftOut.length > 0) {
    note(options, `left out of ${folder}: fully trained tensors ${leftOut.join(", ")}`);
  }
  return updates;
}
