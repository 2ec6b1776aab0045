/** How the files of a folder have weights in 4 bits. @module */

import type { Folder } from "../core/storage.ts";
import { openSafetensors } from "../formats/mod.ts";
import type { FourBitForm } from "../quant/quantized_tensor.ts";
import { readConfig } from "./files.ts";
import { readQuantizedForms } from "./quantized_weights.ts";

/**
 * How a Hugging Face folder has weights in 4 bits, by their names there; headers and states are read, and no values.
 *
 * @throws {SyntaxError} when a part of such a weight is missing or wrong.
 * @throws {RangeError} when the model type is not supported, or the configuration says something else.
 *
 * @example
 * ```ts
 * import { fourBitFormsIn, quantizeFolder } from "@lowrank/core/models";
 *
 * const folder = await Deno.makeTempDir();
 * await quantizeFolder("models/tiny-gpt2", folder, { blockSize: 128 });
 * const [form] = (await fourBitFormsIn(folder)).values();
 * console.log(form.blockSize); // 128
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function fourBitFormsIn(folder: Folder): Promise<ReadonlyMap<string, FourBitForm>> {
  const config = await readConfig(folder);
  using file = await openSafetensors(folder);
  return await readQuantizedForms(file, config);
}
