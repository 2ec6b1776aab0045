/** How many virtual tokens a folder holds. @module */

import { readJson } from "../../core/files.ts";
import { isRecord } from "../../core/json.ts";
import { fileIn, type Folder } from "../../core/storage.ts";

/** The configurations of an adapter of virtual tokens, and of one that is joined with LoRA. */
const files = ["adapter_config.json", "prefix_config.json"] as const;

/** The number of virtual tokens that an adapter's folder says it has; 0 for one of another method. */
export async function savedLength(folder: Folder): Promise<number> {
  let length = 0;
  for (const name of files) {
    const config = await readJson(fileIn(folder, name)).catch(() => undefined);
    if (!isRecord(config)) continue;
    const { num_virtual_tokens: ofPeft, length: own } = config;
    const isOwn = config.method === "prefix-layer";
    for (const found of [ofPeft, isOwn ? own : undefined]) {
      if (Number.isSafeInteger(found)) length += Number(found);
    }
  }
  return length;
}
