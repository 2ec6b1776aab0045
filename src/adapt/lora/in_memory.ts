/** An adapter's folder where there is no disk. @module */

import { asFiles, holdFiles } from "../../core/held_files.ts";
import { assertOptions } from "../../core/options.ts";
import { adapterFiles } from "../../formats/write_adapter.ts";
import { type SaveAdapterOptions, saveNames } from "../adapter.ts";
import type { LoraAdapter } from "./adapter.ts";
import { recordOf } from "./record.ts";

/**
 * The files of the PEFT folder that {@link LoraAdapter.save} writes, in memory: a page in a browser has no disk.
 * `readAdapter` and `loadAdapter` take them as a folder.
 *
 * @throws {RangeError} when a value is not finite in the file's dtype, or there is no update.
 * @throws {TypeError} when an option does not exist.
 *
 * @example
 * ```ts
 * import { initGpt2, injectLora, openDevice, parseGpt2Config } from "@lowrank/core";
 * import { adapterInMemory } from "@lowrank/core/adapt";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = injectLora(model, { rank: 2, seed: 1 });
 * const files = await adapterInMemory(adapter, { baseModelName: "gpt2" });
 * console.log(files.map(({ name }) => name)); // adapter_model.safetensors, README.md, adapter_config.json
 * ```
 */
export async function adapterInMemory(
  adapter: LoraAdapter,
  options: SaveAdapterOptions = {},
): Promise<File[]> {
  assertOptions("adapterInMemory", options, saveNames);
  const record = { ...await recordOf(adapter), ...options };
  return asFiles(await holdFiles(await adapterFiles([], record)));
}
