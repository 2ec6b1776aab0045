/** The folder of an adapter, of whichever method, open for reading. @module */

import { readJson } from "../../storage/files.ts";
import { fileIn, type Folder } from "../../storage/storage.ts";
import type { ReadOptions, SafetensorsFile } from "../safetensors/read.ts";
import { adapterFile } from "./base_metadata.ts";
import { configFile } from "./keys.ts";
import { openWeights } from "./read.ts";

/** An adapter's folder: its configuration is read once and its weights are opened once, when they are needed. */
export class AdapterFolder implements Disposable {
  /** The folder. */
  readonly folder: Folder;
  #config?: Promise<unknown>;
  #weights?: Promise<SafetensorsFile>;
  #open?: SafetensorsFile;

  /** Names the folder, of which nothing is read yet. */
  constructor(folder: Folder) {
    this.folder = folder;
  }

  /**
   * The parsed `adapter_config.json`.
   *
   * @throws {Error} when it cannot be read.
   * @throws {SyntaxError} when it is not JSON.
   */
  config(): Promise<unknown> {
    // As for a file that is missing in memory, whose name throws at once.
    return this.#config ??= Promise.try(() => readJson(fileIn(this.folder, configFile)));
  }

  /**
   * The tensors and the metadata.
   *
   * @param options Options for reading values; those of the first call apply.
   * @throws {AdapterFileError} when they are in another format than safetensors.
   * @throws {SyntaxError} when the file is broken.
   */
  weights(options: ReadOptions = {}): Promise<SafetensorsFile> {
    return this.#weights ??= openWeights(this.folder, options).then((file) => this.#open = file);
  }

  /**
   * A line that recognizes the weights by their digest, as a merged model records it.
   *
   * @throws {Error} when they cannot be read.
   */
  line(): Promise<string> {
    return adapterFile(this.folder);
  }

  /** Closes the file of the weights, of which names and metadata are known still; a second call does nothing. */
  [Symbol.dispose](): void {
    this.#open?.[Symbol.dispose]();
    this.#open = undefined;
  }
}

/** A folder that is open already, or one to open. */
export const openAdapterFolder = (folder: Folder | AdapterFolder): AdapterFolder =>
  folder instanceof AdapterFolder ? folder : new AdapterFolder(folder);
