/** Safetensors models in one file, or in several files with an index. @module */

import { assertOptions, isRecord } from "../../core/checks.ts";
import { quote, shellWord, terminalJson } from "../../core/errors.ts";
import { mostShards, mostTensors } from "../../core/limits.ts";
import type { HostTensor } from "../../core/tensor.ts";
import { readJson } from "../../storage/files.ts";
import {
  fileIn,
  fileName,
  type FileSource,
  type Folder,
  folderName,
  hasFile,
  kindOf,
  packedIn,
  splitPath,
} from "../../storage/storage.ts";
import { openGguf } from "../gguf.ts";
import { assertAtMost, type TensorEntry } from "./header.ts";
import {
  missing,
  openSafetensorsFile,
  readNames,
  type ReadOptions,
  type SafetensorsContent,
  type SafetensorsFile,
} from "./read.ts";

/** The command that makes a safetensors file of one in its folder; PyTorch reads it without running code. */
export function pickleConversion(from: string, to: string): string {
  // A JSON text is also one of Python.
  const [pickle, made] = [from, to].map(terminalJson);
  const tensors = `torch.load(${pickle}, map_location="cpu", weights_only=True)`;
  const code = "import torch, safetensors.torch as s; " +
    `s.save_file({k: v.clone().contiguous() for k, v in ${tensors}.items()}, ${made}, {"format": "pt"})`;
  return `python -c ${shellWord(code)}`;
}

/**
 * Opens a safetensors file, a sharded model's `….safetensors.index.json`, or a folder, on disk or in
 * memory, that holds `model.safetensors` or `model.safetensors.index.json`. Only the headers are read. A GGUF file
 * of a Llama or Qwen2, in F32, F16, BF16, Q4_0, Q4_1 or Q8_0, has the tensors that transformers makes of it.
 *
 * @throws {SyntaxError} when a header or the index says what the files do not hold.
 * @throws {RangeError} when a folder holds `pytorch_model.bin` instead.
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
export async function openSafetensors(
  path: Folder,
  options: ReadOptions = {},
): Promise<SafetensorsFile> {
  assertOptions("openSafetensors", options, readNames);
  const packed = packedIn(path);
  if (packed !== undefined) return await openGguf(packed, options);
  const [folder, file] = await findModel(path);
  return fileName(file).endsWith(".json")
    ? await openShards(folder, file, options)
    : await openSafetensorsFile(file, options);
}

/**
 * Reads all tensors of what {@link openSafetensors} opens: floats as F32, integers as 32-bit
 * integers.
 *
 * @throws {SyntaxError} As {@link openSafetensors}.
 * @throws {RangeError} when a value is NaN, infinite or beyond F32 and not allowed, or a 64-bit integer
 * does not fit into 32 bits.
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
export async function readSafetensors(
  path: Folder,
  options: ReadOptions = {},
): Promise<SafetensorsContent> {
  using file = await openSafetensors(path, options);
  const tensors = new Map<string, HostTensor>();
  for (const name of file.tensors.keys()) tensors.set(name, await file.read(name));
  return { tensors, metadata: file.metadata };
}

/** The folder of a model, and its file or index. */
async function findModel(path: Folder): Promise<[Folder, FileSource]> {
  if (typeof path === "string" && await kindOf(path) !== "folder") {
    return [splitPath(path).folder, path];
  }
  await assertNoPickle(path);
  return [path, fileIn(path, await isSharded(path) ? shardIndex : single)];
}

/** Throws where a folder has its weights in pickles alone. */
async function assertNoPickle(folder: Folder): Promise<void> {
  for (const name of [single, shardIndex]) if (await hasFile(folder, name)) return;
  for (const pickle of ["pytorch_model.bin", "pytorch_model.bin.index.json"]) {
    if (!await hasFile(folder, pickle)) continue;
    throw new RangeError(
      `weights must be in ${single}, found ${pickle} in ${folderName(folder)} (a pickle can run ` +
        `code): convert it in its folder by ${pickleConversion("pytorch_model.bin", single)}`,
    );
  }
}

const single = "model.safetensors";

/** True if a folder's model is in shards: one whole file is read before them. */
export async function isSharded(folder: Folder): Promise<boolean> {
  return !await hasFile(folder, single) && await hasFile(folder, shardIndex);
}

async function openShards(
  folder: Folder,
  file: FileSource,
  options: ReadOptions,
): Promise<SafetensorsFile> {
  const index = fileName(file), map = parseWeightMap(index, await readJson(file));
  using files = new DisposableStack();
  const shards = new Map<string, SafetensorsFile>();
  for (const shard of map.shards) {
    shards.set(shard, files.use(await openSafetensorsFile(fileIn(folder, shard), options)));
  }
  const open = joinShards(index, map, shards);
  const owned = files.move();
  return { ...open, [Symbol.dispose]: () => owned.dispose() };
}

function joinShards(
  index: string,
  { places }: WeightMap,
  shards: Map<string, SafetensorsFile>,
): Omit<SafetensorsFile, keyof Disposable> {
  const tensors = new Map<string, TensorEntry>();
  for (const [name, shard] of places) {
    const entry = shards.get(shard)!.tensors.get(name);
    if (!entry) throw new SyntaxError(`cannot read ${index}: ${shard} must hold ${quote(name)}`);
    tensors.set(name, entry);
  }
  const shardOf = (name: string): SafetensorsFile => {
    const shard = shards.get(places.get(name)!);
    if (shard) return shard;
    throw new RangeError(missing(index, name, tensors));
  };
  const [first] = shards.values();
  return {
    tensors,
    metadata: first?.metadata ?? {},
    read: async (name) => await shardOf(name).read(name),
    pieces: (name, asStored) => shardOf(name).pieces(name, asStored),
    readBytes: async (name, start, length) => await shardOf(name).readBytes(name, start, length),
  };
}

/** The shards that hold a model's tensors. */
export interface WeightMap {
  /** The file of each tensor, by their names. */
  readonly places: ReadonlyMap<string, string>;
  /** The files, each once. */
  readonly shards: readonly string[];
}

/**
 * Checks the `weight_map` of a sharded model's index: file names by tensor names.
 *
 * @throws {SyntaxError} when there is none, it names too many files, or one is not next to the index.
 */
export function parseWeightMap(index: string, json: unknown): WeightMap {
  const map = isRecord(json) ? json.weight_map : undefined;
  if (!isRecord(map) || Object.keys(map).length === 0) {
    throw new SyntaxError(`cannot read ${index}: it must have a weight_map of names to files`);
  }
  const subject = `cannot read ${index}: it`;
  const places = new Map(Object.entries(map)), shards = [...new Set(places.values())];
  assertAtMost(subject, mostTensors, places.size, "tensors");
  assertAtMost(subject, mostShards, shards.length, "shards");
  for (const shard of shards) {
    // A name with a folder in it could lead out of the model's folder.
    if (typeof shard === "string" && /^[^/\\]+\.safetensors$/.test(shard)) continue;
    const found = quote(shard);
    throw new SyntaxError(
      `cannot read ${index}: a shard must be a safetensors file next to the index, found ${found}`,
    );
  }
  return { places, shards } as WeightMap;
}

/** The index of a sharded model in a folder. */
export const shardIndex = "model.safetensors.index.json";

/** The files of a sharded model in a folder, the index last; none if there is no good index. */
export async function shardFilesIn(folder: Folder): Promise<string[]> {
  try {
    const { shards } = parseWeightMap(shardIndex, await readJson(fileIn(folder, shardIndex)));
    return [...shards, shardIndex];
  } catch {
    return [];
  }
}
