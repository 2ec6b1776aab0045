/** Adapters of every method, from their folders. @module */

import { isRecord, isText } from "../core/checks.ts";
import { AdapterFileError, quote } from "../core/errors.ts";
import { adapterFile } from "../formats/peft/base_metadata.ts";
import { hubMethod, isHubConfig } from "../formats/peft/config.ts";
import type { Model } from "../models/model.ts";
import { readJson } from "../storage/files.ts";
import { fileIn, type Folder, folderName } from "../storage/storage.ts";
import { type Adapter, assertFree, assertNotIn, type JoinOptions } from "./adapter.ts";
import { loadBottleneck, readBottlenecks } from "./bottleneck/adapter.ts";
import { loadAdapter, type LoadAdapterOptions } from "./lora/load.ts";
import { joinedMethods, loadLoraPrefix } from "./lora_prefix.ts";
import { type MethodAdapter, readValues, type SavedValues } from "./named_adapter.ts";
import { loadBitFit, loadTopLayers } from "./trained_copies.ts";
import { loadVera } from "./vera/load.ts";
import { loadPrefixLayer, loadPrompt } from "./virtual_tokens.ts";

/** Puts an adapter on a model that has what was read from a file. */
type SavedMethod = (model: Model, saved: SavedValues) => MethodAdapter;

/** By what {@link methodIn} calls them. */
const savedMethods: Readonly<Record<string, SavedMethod>> = {
  bitfit: loadBitFit,
  bottleneck: loadBottleneck,
  "top-layers": loadTopLayers,
  vera: loadVera,
  "prefix-embedding": loadPrompt,
  "prefix-layer": loadPrefixLayer,
  "prefix-tuning": loadPrompt,
};

/** Ours for the methods of PEFT that are read like these, by `peft_type`. */
const peftMethods: Readonly<Record<string, string>> = {
  VERA: "vera",
  PROMPT_TUNING: "prefix-embedding",
  PREFIX_TUNING: "prefix-tuning",
};

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
  if (isJoined(method)) return await loadJoined(model, folder, method, options);
  assertOnlyJoin(method, options);
  const isHub = method === "bottleneck";
  const read = async () => {
    return {
      load: savedMethod(method),
      saved: await (isHub ? readBottlenecks : readValues)(folder),
    };
  };
  const { load, saved } = await usable(folder, read);
  const values = { file: await adapterFile(folder) };
  assertNotIn(model, values);
  assertFree(model, options, "loadAnyAdapter"); // Another may have come while this one was read.
  const adapter = await usable(folder, () => load(model, saved));
  return Object.assign(adapter, { values, promptFormat: saved.promptFormat });
}

/**
 * The method of a folder, by its configuration: `bottleneck` for the `adapters` library's; undefined for PEFT's
 * LoRA, and where it cannot be read.
 */
export async function methodIn(folder: Folder): Promise<unknown> {
  const config = await readJson(fileIn(folder, "adapter_config.json")).catch(() => undefined);
  if (!isRecord(config)) return undefined;
  const { method, peft_type: type } = config;
  if (method !== undefined) return method;
  if (isHubConfig(config)) return "bottleneck";
  return isText(type) && Object.hasOwn(peftMethods, type) ? peftMethods[type] : undefined;
}

const isJoined = (method: unknown): method is string =>
  isText(method) && joinedMethods.includes(method);

/** LoRA with virtual tokens: each is loaded as from a folder of its own. */
async function loadJoined(
  model: Model,
  folder: Folder,
  method: string,
  options: LoadAdapterOptions,
): Promise<Adapter> {
  const values = { file: await adapterFile(folder) };
  assertNotIn(model, values);
  assertFree(model, options, "loadAnyAdapter");
  const load = async (part: Folder, join: JoinOptions) => {
    const own = await methodIn(part), given = own === undefined ? { ...options, ...join } : join;
    if (isJoined(own)) {
      throw new RangeError(`a part must be LoRA or virtual tokens, found ${quote(own)}`);
    }
    return await loadAnyAdapter(model, part, given).catch((error) => Promise.reject(bare(error)));
  };
  const adapter = await usable(folder, () => loadLoraPrefix(folder, method, load));
  return Object.assign(adapter, { values });
}

/** The reason alone: the parts are read from memory, of which nobody knows. */
function bare(error: unknown): unknown {
  if (!(error instanceof AdapterFileError)) return error;
  return new AdapterFileError(error.reason, { cause: error.cause });
}

function savedMethod(method: unknown): SavedMethod {
  if (typeof method === "string" && Object.hasOwn(savedMethods, method)) {
    return savedMethods[method];
  }
  const known = [...Object.keys(savedMethods), ...joinedMethods].join(", ");
  throw new RangeError(`method must be one of ${known}, found ${quote(method)}`);
}

function assertOnlyJoin(method: unknown, { dropout, allow }: LoadAdapterOptions): void {
  if (dropout === undefined && allow === undefined) return;
  throw new RangeError(
    `${dropout === undefined ? "allow" : "dropout"} is for LoRA, found ${quote(method)}`,
  );
}

/** Says of which folder it is when what was read does not fit the model. */
export async function usable<T>(folder: Folder, use: () => T | Promise<T>): Promise<T> {
  try {
    return await use();
  } catch (error) {
    const isOurs = error instanceof AdapterFileError || error instanceof RangeError;
    if (!isOurs && !(error instanceof SyntaxError)) throw error;
    const { message: reason } = error, place = folderName(folder);
    throw new AdapterFileError(`cannot use the adapter in ${place}: ${reason}`, {
      cause: error,
      reason,
    });
  }
}

/**
 * Whether an adapter is VeRA rather than LoRA. One of which nothing is known is taken for LoRA: reading it says
 * what is wrong.
 *
 * @param action What needs its updates, for the message.
 * @throws {RangeError} when it is of a method that has none.
 */
export async function isVera(action: string, folder: Folder): Promise<boolean> {
  const method = await methodIn(folder);
  if (method === undefined || method === "vera") return method === "vera";
  throw new RangeError(
    `${action} needs LoRA or VeRA, which change weights by low-rank updates, found ${await foundIn(
      folder,
      method,
    )}`,
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
  const way = method === "vera" ? ": lowrank convert --base writes it as LoRA" : "";
  throw new RangeError(`${action} needs LoRA, found ${await foundIn(folder, method)}${way}`);
}

/** The method and the folder; the adapters library has more methods than bottlenecks. */
async function foundIn(folder: Folder, method: unknown): Promise<string> {
  const config = await readJson(fileIn(folder, "adapter_config.json"));
  const isTheirs = isRecord(config) && config.method === undefined && isHubConfig(config);
  const name = isTheirs ? `${quote(hubMethod(config))} of the adapters library` : quote(method);
  return `${name} in ${folderName(folder)}`;
}

/**
 * Refuses VeRA where no base says how many inputs its layers have.
 *
 * @throws {RangeError} always.
 */
export function refuseWithoutBase(action: string, folder: Folder): never {
  const place = folderName(folder);
  throw new RangeError(
    `${action} needs --base for "vera" in ${place}, as its file does not say how many inputs a layer has, ` +
      "found none",
  );
}
