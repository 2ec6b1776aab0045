/** The updates of an adapter folder, to look at. @module */

import { type AdapterModule, readAdapter } from "../formats/mod.ts";
import { type CommonOptions, note } from "./common.ts";

/** Reads the modules that an adapter changes, and says what else its folder holds. */
export async function readModules(
  folder: string,
  options: CommonOptions,
): Promise<readonly AdapterModule[]> {
  const { modules, leftOut } = await readAdapter(folder, { updatesOnly: true });
  if (leftOut.length > 0) {
    note(options, `left out: trained whole in ${folder}: ${leftOut.join(", ")}`);
  }
  return modules;
}
