/** Saving adapters that are a list of named tensors. @module */

import { makeFolder, writeJsonAtomic } from "../core/files.ts";
import type { Tensor } from "../device/device.ts";
import { writeSafetensors } from "../formats/mod.ts";
import type { SaveAdapterOptions } from "./adapter.ts";

/** Writes `adapter_model.safetensors`, and the method's settings to `adapter_config.json`. */
export async function saveValues(
  folder: string,
  config: { readonly method: string; readonly [field: string]: string | number },
  values: readonly (readonly [name: string, tensor: Tensor])[],
  { baseModelName, dtype = "F32" }: SaveAdapterOptions,
): Promise<void> {
  const [[, { device }]] = values;
  const data = await device.read(...values.map(([, tensor]) => tensor));
  const entries = values.map(([name], i) => [name, data[i]] as const);
  await makeFolder(folder);
  await writeSafetensors(`${folder}/adapter_model.safetensors`, entries, { dtype });
  const base = { base_model_name_or_path: baseModelName ?? null };
  await writeJsonAtomic(`${folder}/adapter_config.json`, { ...config, ...base });
}
