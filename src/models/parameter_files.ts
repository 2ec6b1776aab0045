/** Parameters of any model to a safetensors file, under their own names and as they lie. @module */

import { fileIn } from "../core/storage.ts";
import { type FloatDtype, writeSafetensors } from "../formats/mod.ts";
import type { Model } from "./model.ts";

/** Writes `model.safetensors` in a folder that exists. */
export async function saveParameters(
  { device, parameters }: Model,
  folder: string,
  dtype: FloatDtype = "F32",
): Promise<void> {
  const values = await device.read(...[...parameters.values()].map(({ tensor }) => tensor));
  const entries = [...parameters.keys()].map((name, i) => [name, values[i]] as const);
  await writeSafetensors(fileIn(folder, "model.safetensors"), entries, { dtype });
}
