/** Safetensors models in one file, or in several files with an index. @module */

import { readJson } from "../core/files.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import {
  fileIn,
  fileName,
  type FileSource,
  type Folder,
  hasFile,
  kindOf,
} from "../core/storage.ts";
import type { TensorEntry } from "./header.ts";
import {
  missing,
  openSafetensorsFile,
  type SafetensorsContent,
  type SafetensorsFile,
} from "./safetensors.ts";

/**
 * Opens a safetensors file, a sharded model's `….safetensors.index.json`, or a folder, on disk or in
 * memory, that holds `model.safetensors` or `model.safetensors.index.json`. Only the headers are read.
 *
 * @throws {SyntaxError} when a header or the index says what the files do not hold.
 * @throws {Error} when a file cannot be read.
 *
 * @example
 * ```ts
 * import { openSafetensors, writeSafetensors } from "@lowrank/core/formats";
 *
 * const folder = await Deno.makeTempDir();
 * const ones = { shape: [2, 2], data: new Float32Array(4).fill(1) };
 * await writeSafetensors(`${folder}/model.safetensors`, [["ones", ones]], { dtype: "F16" });
 * {
 *   using file = await openSafetensors(folder);
 *   console.log(file.tensors.get("ones")?.dtype); // F16
 *   console.log((await file.read("ones")).data); // Float32Array [1, 1, 1, 1]
 * }
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function openSafetensors(path: Folder): Promise<SafetensorsFile> {
  const [folder, name] = await findModel(path), file = fileIn(folder, name);
  return name.endsWith(".json") ? await openShards(folder, file) : await openSafetensorsFile(file);
}

/**
 * Reads all tensors of what {@link openSafetensors} opens: floats as F32, integers as 32-bit
 * integers.
 *
 * @throws {SyntaxError} As {@link openSafetensors}.
 * @throws {RangeError} when a 64-bit integer does not fit into 32 bits.
 *
 * @example
 * ```ts
 * import { readSafetensors, writeSafetensors } from "@lowrank/core/formats";
 *
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await writeSafetensors(path, [["a", { shape: [2], data: Float32Array.of(1, 2) }]]);
 * const { tensors } = await readSafetensors(path);
 * console.log(tensors.get("a")?.data); // Float32Array [1, 2]
 * await Deno.remove(path);
 * ```
 */
export async function readSafetensors(path: Folder): Promise<SafetensorsContent> {
  using file = await openSafetensors(path);
  const tensors = new Map<string, HostTensor>();
  for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
  return { tensors, metadata: file.metadata };
}

/** The folder and name of a model's file or index. */
async function findModel(path: Folder): Promise<[Folder, string]> {
  if (typeof path === "string" && await kindOf(path) !== "folder") {
    const end = path.lastIndexOf("/") + 1;
    return [path.slice(0, end), path.slice(end)];
  }
  const single = "model.safetensors", index = `${single}.index.json`;
  const isSharded = !await hasFile(path, single) && await hasFile(path, index);
  return [path, isSharded ? index : single];
}

async function openShards(folder: Folder, file: FileSource): Promise<SafetensorsFile> {
  const index = fileName(file), places = parseWeightMap(index, await readJson(file));
  using files = new DisposableStack();
  const shards = new Map<string, SafetensorsFile>();
  for (const shard of new Set(places.values())) {
    shards.set(shard, files.use(await openSafetensorsFile(fileIn(folder, shard))));
  }
  const open = joinShards(index, places, shards);
  const owned = files.move();
  return { ...open, [Symbol.dispose]: () => owned.dispose() };
}

function joinShards(
  index: string,
  places: Map<string, string>,
  shards: Map<string, SafetensorsFile>,
): Omit<SafetensorsFile, keyof Disposable> {
  const tensors = new Map<string, TensorEntry>();
  for (const [name, shard] of places) {
    const entry = shards.get(shard)!.tensors.get(name);
    if (!entry) throw new SyntaxError(`cannot read ${index}: ${shard} must hold "${name}"`);
    tensors.set(name, entry);
  }
  const read = (name: string): Promise<HostTensor> => {
    const shard = shards.get(places.get(name)!);
    return shard?.read(name) ?? Promise.reject(new RangeError(missing(index, name, tensors)));
  };
  const [first] = shards.values();
  return { tensors, metadata: first?.metadata ?? {}, read };
}

/**
 * Checks the `weight_map` of a sharded model's index: file names by tensor names.
 *
 * @throws {SyntaxError} when there is none, or a file is not next to the index.
 */
export function parseWeightMap(index: string, json: unknown): Map<string, string> {
  const map = (json as { weight_map?: unknown } | null)?.weight_map;
  if (typeof map !== "object" || map === null || Object.keys(map).length === 0) {
    throw new SyntaxError(`cannot read ${index}: it must have a weight_map of names to files`);
  }
  for (const shard of Object.values(map)) {
    // A name with a folder in it could lead out of the model's folder.
    if (typeof shard !== "string" || !/^[^/\\]+\.safetensors$/.test(shard)) {
      const found = JSON.stringify(shard);
      throw new SyntaxError(
        `cannot read ${index}: a shard must be a safetensors file next to the index, found ${found}`,
      );
    }
  }
  return new Map(Object.entries(map));
}
