/** Values of a model's tensors, and a safetensors file of them under their own names. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { fileIn } from "../core/storage.ts";
import { type FloatDtype, writeSafetensors } from "../formats/mod.ts";
import type { Model } from "./model.ts";

/** Reads the named tensors in F32, however they are stored; values of adapters are not in them. */
export async function readTensors(
  { device, parameters, linears }: Model,
  names: readonly string[],
): Promise<HostTensor[]> {
  using scope = new DisposableStack();
  const weights = new Map(linears.map(({ weight }) => [weight.name, weight]));
  const tensors = names.map((name) =>
    parameters.get(name)?.own ?? scope.use(weights.get(name)!.dense())
  );
  return await device.read(...tensors);
}

/** Writes `model.safetensors` in a folder that exists. */
export async function saveParameters(
  model: Model,
  folder: string,
  dtype: FloatDtype = "F32",
): Promise<void> {
  const names = [...model.parameters.keys()], values = await readTensors(model, names);
  const entries = names.map((name, i) => [name, values[i]] as const);
  await writeSafetensors(fileIn(folder, "model.safetensors"), entries, { dtype });
}
