/** Adapters of every method, from their folders. @module */

import { isRecord } from "../core/checks.ts";
import { about, AdapterFileError, optionsSaidBy, quote } from "../core/errors.ts";
import { AdapterFolder, openAdapterFolder } from "../formats/peft/adapter_folder.ts";
import { hubMethod, isHubConfig } from "../formats/peft/config.ts";
import { type MethodKind, methods } from "../methods/mod.ts";
import type { Model } from "../models/model.ts";
import { type Folder, folderName } from "../storage/storage.ts";
import { type Adapter, assertFree, assertNotIn, type JoinOptions } from "./adapter.ts";
import { type LoadAdapterOptions, loadWith, usable } from "./loader.ts";
import {
  adapting,
  type AdaptingMethod,
  adaptingOf,
  assertOnlyJoin,
  methodNamedBy,
} from "./methods.ts";

/**
 * Reads the folder of an adapter, of whichever method its `adapter_config.json` names, and injects it into a
 * model: LoRA as `loadAdapter` does, the others with exactly the tensors that the method has on this model.
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
  using open = new AdapterFolder(folder);
  const method = await methodOf(open);
  const way = method === undefined ? adapting.lora : adaptingOf(method);
  if (way?.loader) return await loadWith(way.loader, model, open, options, method);
  assertFree(model, options, "loadAnyAdapter");
  if (way?.loadParts) return await loadJoined(model, open, `${method}`, way.loadParts, options);
  assertOnlyJoin(options, method);
  return usable(folder, () => refuseMethod(method));
}

/** {@link methodNamedBy} of a folder's configuration; undefined where it cannot be read. */
export async function methodOf(folder: AdapterFolder): Promise<unknown> {
  const config = await folder.config().catch(() => undefined);
  return isRecord(config) ? methodNamedBy(config) : undefined;
}

/** The same of a folder that is not open. */
export const methodIn = (folder: Folder): Promise<unknown> => methodOf(new AdapterFolder(folder));

/** LoRA with virtual tokens: each is loaded as from a folder of its own. */
async function loadJoined(
  model: Model,
  open: AdapterFolder,
  method: string,
  loadParts: NonNullable<AdaptingMethod<never>["loadParts"]>,
  options: LoadAdapterOptions,
): Promise<Adapter> {
  const values = { file: await open.line() }, { folder } = open;
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

/** Names the methods that are read: as `peft_type` where PEFT has them, else as `method`. */
export function refuseMethod(method: unknown): never {
  const known = Object.entries(adapting).filter(([, { loader, loadParts }]) => loader ?? loadParts)
    .map(([kind]) => kind === "lora" ? "LORA" : methods[kind as MethodKind].peftType ?? kind);
  throw new RangeError(
    `method or peft_type must be one of ${known.join(", ")}, found ${quote(method)}`,
  );
}

/**
 * Asserts that an adapter is one of LoRA.
 *
 * @param action Action that needs LoRA, for the message.
 * @throws {RangeError} when it is of another method.
 */
export async function assertLora(action: string, folder: Folder | AdapterFolder): Promise<void> {
  const open = openAdapterFolder(folder), method = await methodOf(open);
  if (method === undefined) return;
  const way = adaptingOf(method)?.becomesLora ? ": lowrank convert --base writes it as LoRA" : "";
  throw new RangeError(`${action} needs LoRA, found ${await foundIn(open, method)}${way}`);
}

/** The method, by PEFT's name where it has one, and the folder; the adapters library has more than bottlenecks. */
export async function foundIn(open: AdapterFolder, method: unknown): Promise<string> {
  const config = await open.config();
  const own = isRecord(config) && config.method === undefined ? config : {};
  const name = isHubConfig(own)
    ? `${quote(hubMethod(own))} of the adapters library`
    : quote(own.peft_type ?? method);
  return `${name} in ${folderName(open.folder)}`;
}
