/** VeRA's folders without a model that runs. @module */

import type { Folder } from "../../storage/storage.ts";
import type { BaseFile } from "../../models/base_file.ts";
import { usable } from "../load.ts";
import { readValues, type SavedValues } from "../named_adapter.ts";
import type { UpdateSource } from "../merge/change.ts";
import { parseVera, type VeraFile } from "./load.ts";
import { veraUpdates } from "./updates.ts";

/** A VeRA adapter on the files of a base. */
export interface VeraRecord
  extends Pick<VeraFile, "config" | "vectors" | "others">, Pick<SavedValues, "promptFormat"> {
  /** Its updates, one for each layer. */
  readonly updates: readonly UpdateSource[];
}

/**
 * Reads a folder of PEFT's VeRA.
 *
 * @throws {AdapterFileError} when it is broken, or does not fit the base.
 */
export async function readVera(base: BaseFile, folder: Folder): Promise<VeraRecord> {
  return await usable(folder, async () => {
    const saved = await readValues(folder), file = parseVera(saved);
    const { config, vectors, others } = file, { promptFormat } = saved;
    return { config, vectors, others, promptFormat, updates: veraUpdates(base, file) };
  });
}
