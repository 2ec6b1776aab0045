/** Saving adapters that are a list of named tensors. @module */

import { jsonText } from "../core/files.ts";
import { assertOptions } from "../core/options.ts";
import { saveFolder } from "../core/save_folder.ts";
import { fileIn } from "../core/storage.ts";
import type { Tensor } from "../device/device.ts";
import { safetensorsFile } from "../formats/write_safetensors.ts";
import { type SaveAdapterOptions, saveNames } from "./adapter.ts";

/**
 * Saves `adapter_model.safetensors`, and the method's settings in `adapter_config.json`, as a whole: after
 * a crash at any time, a reader finds the old adapter, the new one, or no `adapter_config.json`.
 */
export async function saveValues(
  folder: string,
  config: { readonly method: string; readonly [field: string]: string | number },
  values: readonly (readonly [name: string, tensor: Tensor])[],
  options: SaveAdapterOptions,
): Promise<void> {
  assertOptions("save", options, saveNames);
  const { baseModelName, dtype = "F32" } = options;
  const [[, { device }]] = values;
  const data = await device.read(...values.map(([, tensor]) => tensor));
  const entries = values.map(([name], i) => [name, data[i]] as const);
  const base = { base_model_name_or_path: baseModelName ?? null };
  await saveFolder(folder, [
    safetensorsFile(fileIn(folder, "adapter_model.safetensors"), entries, { dtype }),
    { name: "adapter_config.json", content: jsonText({ ...config, ...base }) },
  ]);
}
