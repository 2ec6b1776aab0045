/** How many virtual tokens a folder holds. @module */

import { readJson } from "../../core/files.ts";
import { isRecord, isText } from "../../core/json.ts";
import { fileIn, type Folder } from "../../core/storage.ts";
import { joinedFiles } from "../../formats/adapter_weights.ts";
import { joinedMethods } from "../lora_prefix.ts";

/** The number of virtual tokens that an adapter's folder says it has; 0 for one of another method. */
export async function savedLength(folder: Folder): Promise<number> {
  const config = await configIn(folder, "adapter_config.json"), { method } = config;
  const isJoined = isText(method) && joinedMethods.includes(method);
  const own = isJoined ? await configIn(folder, joinedFiles.prefix) : config;
  const length = own.method === "prefix-layer" ? own.length : own.num_virtual_tokens;
  return Number.isSafeInteger(length) ? Number(length) : 0;
}

/** A configuration, or an empty one where it cannot be read: loading the adapter says why. */
async function configIn(folder: Folder, name: string): Promise<Readonly<Record<string, unknown>>> {
  const config = await readJson(fileIn(folder, name)).catch(() => undefined);
  return isRecord(config) ? config : {};
}
