/** The updates of an adapter folder, to look at. @module */

import { type LowRankUpdate, readAdapter } from "../formats/mod.ts";
import { type CommonOptions, note } from "./common.ts";

/** Reads the updates of an adapter, and says what else its folder holds. */
export async function readUpdates(
  folder: string,
  options: CommonOptions,
): Promise<readonly LowRankUpdate[]> {
  const { updates, leftOut } = await readAdapter(folder, { updatesOnly: true });
  if (leftOut.length > 0) {
    note(options, `left out: trained whole in ${folder}: ${leftOut.join(", ")}`);
  }
  return updates;
}
