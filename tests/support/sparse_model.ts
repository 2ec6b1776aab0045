/** Models that are as large as they say and take no room on the disk. @module */

import { sizeOf } from "../../src/core/tensor.ts";
import { architectureOf, type ConfigJson, storedShape } from "../../src/architectures/mod.ts";
import { gpt2ConfigJson, parseGpt2Config } from "../../src/architectures/families/gpt2.ts";
import type { FloatDtype } from "../../src/formats/mod.ts";

/** Writes a GPT-2 folder in F16 whose values are a hole in the file: a true header and no data. */
export async function writeSparseGpt2(
  folder: string,
  fields: Record<string, number>,
): Promise<void> {
  await writeSparseModel(folder, gpt2ConfigJson(parseGpt2Config(fields)), { dtype: "F16" });
}

/** Storage of a model in files. */
interface SparseFiles {
  readonly dtype: FloatDtype;
  /** Number of files. Default 1, without an index. */
  readonly shards?: number;
}

/** The same for any family, whole or in shards. */
export async function writeSparseModel(
  folder: string,
  config: ConfigJson,
  { dtype, shards = 1 }: SparseFiles,
): Promise<void> {
  const { tensors } = architectureOf(config), weightMap: Record<string, string> = {};
  for (let shard = 0; shard < shards; shard++) {
    const file = shards === 1 ? "model.safetensors" : `model-${shard}.safetensors`;
    const [first, end] = [shard, shard + 1].map((i) => Math.floor(i * tensors.length / shards));
    let bytes = 0;
    const entries = tensors.slice(first, end).map((tensor) => {
      weightMap[tensor.name] = file;
      const size = (dtype === "F32" ? 4 : 2) * sizeOf(tensor.shape);
      const data_offsets = [bytes, bytes += size];
      return [tensor.name, { dtype, shape: storedShape(tensor), data_offsets }];
    });
    await writeHole(`${folder}/${file}`, Object.fromEntries(entries), bytes);
  }
  if (shards > 1) {
    const index = JSON.stringify({ weight_map: weightMap });
    await Deno.writeTextFile(`${folder}/model.safetensors.index.json`, index);
  }
  await Deno.writeTextFile(`${folder}/config.json`, JSON.stringify(config));
}

async function writeHole(path: string, header: unknown, bytes: number): Promise<void> {
  const json = new TextEncoder().encode(JSON.stringify(header));
  const start = new Uint8Array(8 + json.length);
  new DataView(start.buffer).setBigUint64(0, BigInt(json.length), true);
  start.set(json, 8);
  await Deno.writeFile(path, start);
  await Deno.truncate(path, start.length + bytes);
}
