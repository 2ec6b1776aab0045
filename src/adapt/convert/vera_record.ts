/** VeRA adapters as records of LoRA. @module */

import type { AdapterRecord } from "../../formats/mod.ts";
import { recordedNames } from "../../formats/read_record.ts";
import type { BaseFile } from "../../models/base_file.ts";
import { readVera } from "../vera/read.ts";
import { withinSides } from "../vera/updates.ts";

/**
 * LoRA that changes the base as a VeRA adapter does: B' = b ⊙ B and A' = d ⊙ A for each layer, of its rank or of the
 * smaller side of the weight. The values are exact in float64, so that a proof sees what rounding them does.
 *
 * @throws {AdapterFileError} when the adapter is broken, or does not fit the base.
 */
export async function veraRecord(base: BaseFile, folder: string): Promise<AdapterRecord> {
  const { config, updates, others, promptFormat } = await readVera(base, folder);
  const { baseModelName, taskType = null, fanInFanOut, dropout } = config;
  return {
    updates: updates.map(({ read }) => withinSides(read())),
    saved: others,
    ...{ baseModelName, taskType, fanInFanOut, dropout, promptFormat },
    ...await recordedNames(folder),
  };
}
