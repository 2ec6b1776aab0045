/** Interface of the loaders, which read adapters from a folder and put them on a model. @module */

import { AdapterFileError } from "../core/errors.ts";
import type { AdapterFolder } from "../formats/peft/adapter_folder.ts";
import type { PeftAdapter } from "../formats/peft/folder.ts";
import type { AdapterException } from "../formats/peft/read.ts";
import type { Model } from "../models/model.ts";
import { type Folder, folderName } from "../storage/storage.ts";
import { type Adapter, assertFree, assertNotIn, type JoinOptions } from "./adapter.ts";
import type { SavedValues } from "./named_adapter.ts";

/** Options for putting an adapter of a folder on a model. */
export interface LoadAdapterOptions extends JoinOptions {
  /** Share of each site's input that is zeroed while training, in [0, 1). Default: the folder's. */
  readonly dropout?: number;
  /** Names of faults that the loader refuses otherwise. Default: nothing. */
  readonly allow?: readonly AdapterException[];
}

/** Content of a folder: updates of low rank, or named tensors. */
export type SavedAdapter = PeftAdapter | SavedValues;

/** Reads adapters of a method and puts them on a model. Errors say of which folder. */
export interface Loader<Made extends Adapter = Adapter> {
  /** The function that a user calls, for messages. */
  readonly action: string;
  /** Throws for options that the method does not have. */
  check(options: LoadAdapterOptions, method: unknown): void;
  /** Reads a folder. */
  read(folder: AdapterFolder, options: Pick<LoadAdapterOptions, "allow">): Promise<SavedAdapter>;
  /** Puts what was read on a model. */
  put(model: Model, saved: SavedAdapter, folder: Folder, options: LoadAdapterOptions): Made;
}

/**
 * Reads a folder and puts its adapter on a model.
 *
 * @throws {RangeError} when the model has an adapter and `onTop` is not set, or this one is on the model or in its
 * weights already.
 * @throws {AdapterFileError} when the folder is broken, or not for this model.
 */
export async function loadWith<Made extends Adapter>(
  loader: Loader<Made>,
  model: Model,
  folder: AdapterFolder,
  options: LoadAdapterOptions,
  method: unknown,
): Promise<Made> {
  loader.check(options, method);
  assertFree(model, options, loader.action);
  const saved = await loader.read(folder, options), values = { file: await folder.line() };
  assertNotIn(model, values);
  assertFree(model, options, loader.action); // Another may have come while this one was read.
  const adapter = loader.put(model, saved, folder.folder, options);
  return Object.assign(adapter, { values, promptFormat: saved.promptFormat });
}

/** Says of which folder it is when what was read cannot be used, at once or later. */
export function usable<T>(folder: Folder, use: () => T): T {
  try {
    const used = use();
    if (!(used instanceof Promise)) return used;
    return used.catch((error) => Promise.reject(unusable(folder, error))) as T;
  } catch (error) {
    throw unusable(folder, error);
  }
}

function unusable(folder: Folder, error: unknown): unknown {
  const isOurs = error instanceof AdapterFileError || error instanceof RangeError;
  if (!isOurs && !(error instanceof SyntaxError)) return error;
  const { message: reason } = error, place = folderName(folder);
  return new AdapterFileError(`cannot use the adapter in ${place}: ${reason}`, {
    cause: error,
    reason,
  });
}
