/** A model with its adapters, served. @module */

import { AdapterSet } from "../adapt/many/adapter_set.ts";
import { mostOtherConnections } from "../core/limits.ts";
import { assertWhole } from "../models/generate/generate.ts";
import type { AdapterException } from "../formats/mod.ts";
import type { TextModel } from "../models/text_model.ts";
import type { Tokenizer } from "../tokenizer/mod.ts";
import { AdapterFolders } from "./adapter_folders.ts";
import type { Served } from "./completions.ts";
import { Engine } from "./engine.ts";
import { loadAdapters, LocalServer, routesOf } from "./server.ts";

/** Contents and limits of a server. */
export interface ServingOptions {
  /** The base's name for clients. */
  readonly name: string;
  /** The port; 0 for one that is free. */
  readonly port: number;
  /** The folder whose sub-folders are the adapters; there are none if it is absent. */
  readonly adapters?: string;
  /** Exceptions that may pass in them, which otherwise stop the reading of an adapter. */
  readonly allow?: readonly AdapterException[];
  /** Token that requests have to bring. */
  readonly token?: string;
  /** Most requests that are answered at once. Default: 32, or as many as a cache of 1 GiB holds. */
  readonly rows?: number;
  /** Most tokens of a prompt with its answer. Default: the model's positions. */
  readonly length?: number;
  /** Most requests that wait. Default 256. */
  readonly queue?: number;
}

/** A server that answers with a model and its adapters until it is disposed. */
export class Serving implements AsyncDisposable {
  /** The model, its adapters and the engine that answer requests. */
  readonly served: Served;
  readonly #server: LocalServer;
  readonly #owned: AsyncDisposableStack;

  private constructor(served: Served, server: LocalServer, owned: AsyncDisposableStack) {
    this.served = served;
    this.#server = server;
    this.#owned = owned;
  }

  /**
   * Loads all adapters and listens on 127.0.0.1.
   *
   * @throws {Error} when an adapter is broken or does not fit, or the port is taken.
   * @throws {RangeError} when the length exceeds the model's positions.
   * @throws {DeviceError} when the device has too little room.
   */
  static async start(
    model: TextModel,
    tokenizer: Tokenizer,
    { name, port, token, queue = 256, ...options }: ServingOptions,
  ): Promise<Serving> {
    await using stack = new AsyncDisposableStack();
    const length = lengthOf(model, options.length), rows = options.rows ?? usualRows(model, length);
    const adapters = stack.use(new AdapterSet(model));
    const engine = stack.use(new Engine(model, adapters, { rows, length, queue }));
    const served = { model, name, tokenizer, adapters, engine, length };
    const folders = options.adapters === undefined
      ? undefined
      : new AdapterFolders(options.adapters);
    const loadable = { folders, allow: options.allow };
    const names = await folders?.names() ?? [];
    if (names.length > 0) {
      await loadAdapters(served, loadable, new Map(names.map((own) => [own, own])));
    }
    const connections = rows + queue + mostOtherConnections;
    const routes = routesOf(served, loadable);
    const server = await LocalServer.listen(routes, { port, token, connections });
    return new Serving(served, server, stack.move());
  }

  /** Its address: `http://127.0.0.1:8000`. */
  get address(): string {
    return this.#server.address;
  }

  /**
   * Refuses requests that are not answered yet, closes, and frees the adapters; the model stays.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.served.engine[Symbol.asyncDispose]();
    await this.#server[Symbol.asyncDispose]();
    await this.#owned.disposeAsync();
  }
}

function lengthOf({ positions }: TextModel, length = positions): number {
  assertWhole("the length", length, 2);
  if (length <= positions) return length;
  throw new RangeError(
    `the length must be at most the model's ${positions} positions, found ${length}`,
  );
}

/** The number of rows of keys and values of F32 that fit in 1 GiB, at most 32. */
function usualRows({ blockShape: { count, width, keys } }: TextModel, length: number): number {
  const bytes = (count + 2) * length * 2 * (keys?.width ?? width) * 4;
  return Math.max(1, Math.min(32, Math.floor(2 ** 30 / bytes)));
}
