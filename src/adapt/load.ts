/** Adapters of every method, from their folders. @module */

import { isRecord } from "../core/checks.ts";
import { about, AdapterFileError, optionsSaidBy, quote } from "../core/errors.ts";
import { adapterFile } from "../formats/peft/base_metadata.ts";
import { hubMethod, isHubConfig } from "../formats/peft/config.ts";
import { methodKinds } from "../methods/mod.ts";
import type { Model } from "../models/model.ts";
import { readJson } from "../storage/files.ts";
import { fileIn, type Folder, folderName } from "../storage/storage.ts";
import { type Adapter, assertFree, assertNotIn, type JoinOptions, usable } from "./adapter.ts";
import { loadAdapter, type LoadAdapterOptions } from "./lora/load.ts";
import { adapting, type AdaptingMethod, adaptingOf, methodNamedBy } from "./methods.ts";
import { readValues } from "./named_adapter.ts";

/**
 * Reads the folder of an adapter, of whichever method its `adapter_config.json` names, and injects it into a
 * model: LoRA as {@link loadAdapter} does, the others with exactly the tensors that the method has on this model.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, this one is on the model or in its
 * weights already, or an option is given that only LoRA has.
 * @throws {AdapterFileError} when the folder is broken, of an unknown method, or not for this model.
 *
 * @example
 * ```ts
 * import { injectBitFit, loadAnyAdapter } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * const folder = await Deno.makeTempDir();
 * {
 *   using adapter = injectBitFit(model);
 *   await adapter.save(folder);
 * }
 * using adapter = await loadAnyAdapter(model, folder);
 * console.log(adapter.parameters.length); // the biases of 4 linear layers and 3 norms: 7
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function loadAnyAdapter(
  model: Model,
  folder: Folder,
  options: LoadAdapterOptions = {},
): Promise<Adapter> {
  const method = await methodIn(folder);
  if (method === undefined) return await loadAdapter(model, folder, options);
  assertFree(model, options, "loadAnyAdapter");
  const { loadParts, load, read = readValues } = adaptingOf(method) ?? {};
  if (loadParts) return await loadJoined(model, folder, `${method}`, loadParts, options);
  assertOnlyJoin(method, options);
  const saved = await usable(folder, () => load ? read(folder) : refuseMethod(method));
  const values = { file: await adapterFile(folder) };
  assertNotIn(model, values);
  assertFree(model, options, "loadAnyAdapter"); // Another may have come while this one was read.
  const adapter = await usable(folder, () => load!(model, saved));
  return Object.assign(adapter, { values, promptFormat: saved.promptFormat });
}

/**
 * The method of a folder, by its configuration: `bottleneck` for the `adapters` library's; undefined for PEFT's
 * LoRA, and where it cannot be read.
 */
export async function methodIn(folder: Folder): Promise<unknown> {
  const config = await readJson(fileIn(folder, "adapter_config.json")).catch(() => undefined);
  return isRecord(config) ? methodNamedBy(config) : undefined;
}

/** LoRA with virtual tokens: each is loaded as from a folder of its own. */
async function loadJoined(
  model: Model,
  folder: Folder,
  method: string,
  loadParts: NonNullable<AdaptingMethod<never>["loadParts"]>,
  options: LoadAdapterOptions,
): Promise<Adapter> {
  const values = { file: await adapterFile(folder) };
  assertNotIn(model, values);
  assertFree(model, options, "loadAnyAdapter");
  const load = async (part: Folder, join: JoinOptions) => {
    const own = await methodIn(part), given = own === undefined ? { ...options, ...join } : join;
    if (adaptingOf(own)?.loadParts) {
      throw new RangeError(`a part must be LoRA or virtual tokens, found ${quote(own)}`);
    }
    return await loadAnyAdapter(model, part, given).catch((error) => Promise.reject(bare(error)));
  };
  const adapter = await usable(folder, () => loadParts(folder, method, load));
  return Object.assign(adapter, { values });
}

/** The reason alone: the parts are read from memory, of which nobody knows. */
function bare(error: unknown): unknown {
  if (!(error instanceof AdapterFileError)) return error;
  const { reason, cause } = error;
  return about(new AdapterFileError(reason, { cause }), ...optionsSaidBy(error));
}

function refuseMethod(method: unknown): never {
  const known = methodKinds.filter((kind) => adapting[kind].load ?? adapting[kind].loadParts);
  throw new RangeError(`method must be one of ${known.join(", ")}, found ${quote(method)}`);
}

function assertOnlyJoin(method: unknown, { dropout, allow }: LoadAdapterOptions): void {
  if (dropout === undefined && allow === undefined) return;
  throw new RangeError(
    `${dropout === undefined ? "allow" : "dropout"} is for LoRA, found ${quote(method)}`,
  );
}

/**
 * Throws for an adapter of another method than LoRA.
 *
 * @param action What needs LoRA, for the message.
 * @throws {RangeError} then.
 */
export async function assertLora(action: string, folder: Folder): Promise<void> {
  const method = await methodIn(folder);
  if (method === undefined) return;
  const way = adaptingOf(method)?.becomesLora ? ": lowrank convert --base writes it as LoRA" : "";
  throw new RangeError(`${action} needs LoRA, found ${await foundIn(folder, method)}${way}`);
}

/** The method and the folder; the adapters library has more methods than bottlenecks. */
export async function foundIn(folder: Folder, method: unknown): Promise<string> {
  const config = await readJson(fileIn(folder, "adapter_config.json"));
  const isTheirs = isRecord(config) && config.method === undefined && isHubConfig(config);
  const name = isTheirs ? `${quote(hubMethod(config))} of the adapters library` : quote(method);
  return `${name} in ${folderName(folder)}`;
}
