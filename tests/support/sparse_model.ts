/** Models that are as large as they say and take no room on the disk. @module */

import { sizeOf } from "../../src/core/shape.ts";
import { storedShape } from "../../src/architectures/mod.ts";
import { gpt2Architecture, gpt2ConfigJson, parseGpt2Config } from "../../src/architectures/gpt2.ts";

/** Writes a GPT-2 folder in F16 whose values are a hole in the file: a true header and no data. */
export async function writeSparseGpt2(
  folder: string,
  fields: Record<string, number>,
): Promise<void> {
  let end = 0;
  const entries = gpt2Architecture(gpt2ConfigJson(parseGpt2Config(fields))).tensors.map(
    (tensor) => {
      const data_offsets = [end, end += 2 * sizeOf(tensor.shape)];
      return [tensor.name, { dtype: "F16", shape: storedShape(tensor), data_offsets }];
    },
  );
  const header = new TextEncoder().encode(JSON.stringify(Object.fromEntries(entries)));
  const start = new Uint8Array(8 + header.length);
  new DataView(start.buffer).setBigUint64(0, BigInt(header.length), true);
  start.set(header, 8);
  await Deno.writeFile(`${folder}/model.safetensors`, start);
  await Deno.truncate(`${folder}/model.safetensors`, start.length + end);
  const config = JSON.stringify({ model_type: "gpt2", ...fields });
  await Deno.writeTextFile(`${folder}/config.json`, config);
}
