/** Whether an adapter names another base than the one that it is used with. @module */

import { readJson } from "../core/files.ts";
import { isRecord, isText } from "../core/json.ts";
import { modelName } from "../core/model_name.ts";
import { oneLine } from "../core/quote.ts";
import { fileIn } from "../core/storage.ts";

/**
 * The base that an adapter names, if it is called otherwise than a model's folder and the model in it. Shapes
 * that fit do not tell: models of one size differ in their weights alone.
 */
export async function otherBase(model: string, adapter: string): Promise<string | undefined> {
  const base = await textIn(adapter, "adapter_config.json", "base_model_name_or_path");
  if (!base) return undefined;
  const own = await textIn(model, "config.json", "_name_or_path") ?? model;
  return [model, own].map(modelName).includes(modelName(base)) ? undefined : oneLine(base);
}

/** A text in a file; none where the file cannot be read, which others say of it. */
async function textIn(folder: string, name: string, field: string): Promise<string | undefined> {
  const json = await readJson(fileIn(folder, name)).catch(() => undefined);
  const value = isRecord(json) ? json[field] : undefined;
  return isText(value) ? value : undefined;
}
