/** What adapters of all methods that change weights change in the files of a base. @module */

import { quote } from "../core/quote.ts";
import type { AdapterException, PeftAdapter } from "../formats/mod.ts";
import { readAdapter } from "../formats/mod.ts";
import type { BaseFile } from "../models/base_file.ts";
import { methodIn, usable } from "./load_any.ts";
import { readValues, savedModulesOf, type SavedValues } from "./saved_values.ts";
import { sourceOf, type UpdateSource } from "./update_source.ts";
import { parseVera } from "./vera/load.ts";
import { veraUpdates } from "./vera/updates.ts";

/** What a merge of files needs to know of an adapter. */
export interface Mergeable extends
  Pick<
    PeftAdapter,
    "saved" | "savedModules" | "biases" | "rows" | "passed" | "promptFormat"
  > {
  /** Its updates. */
  readonly updates: readonly UpdateSource[];
  /** What was read of a method that trains copies of the base's tensors. */
  readonly copies?: SavedValues;
}

type Reader = (base: BaseFile, file: SavedValues) => Partial<Mergeable>;

/** Readers of the methods that change weights, by what folders call them. */
const readers: Readonly<Record<string, Reader>> = {
  bitfit: copiesIn,
  "top-layers": copiesIn,
  vera: vectorsIn,
};

/**
 * Reads an adapter that is to be merged into a base.
 *
 * @throws {AdapterFileError} when the folder is not an adapter that can be read, or does not fit the base.
 * @throws {RangeError} when its method does not change weights.
 */
export async function readMergeable(
  base: BaseFile,
  folder: string,
  allow?: readonly AdapterException[],
): Promise<Mergeable> {
  const method = await methodIn(folder);
  if (method === undefined) {
    const adapter = await readAdapter(folder, { withSaved: true, allow });
    return { ...adapter, updates: adapter.updates.map(sourceOf) };
  }
  if (typeof method !== "string" || !Object.hasOwn(readers, method)) {
    throw new RangeError(
      `merging needs an adapter that changes weights, found ${quote(method)} in ${folder}`,
    );
  }
  return await usable(folder, async () => {
    const file = await readValues(folder), { promptFormat } = file;
    const none = { updates: [], saved: new Map(), biases: new Map(), rows: new Map() };
    return { ...none, savedModules: [], passed: [], promptFormat, ...readers[method](base, file) };
  });
}

/** Tensors in the place of the base's, in the order of its files as these are. */
function copiesIn(_base: BaseFile, copies: SavedValues): Partial<Mergeable> {
  const { config, tensors } = copies;
  return { saved: tensors, savedModules: savedModulesOf(config), copies };
}

/** VeRA's updates, and what was trained in full beside them. */
function vectorsIn(base: BaseFile, saved: SavedValues): Partial<Mergeable> {
  const file = parseVera(saved), { others, config: { savedModules } } = file;
  return { updates: veraUpdates(base, file), saved: others, savedModules };
}
