/** W_q of the six layers whose adapters are shipped, in the base's own four bits. @module */

import { join } from "node:path";
import { readGguf } from "../../src/storage/gguf/header.ts";
import { readBytes, writeFileAtomic } from "../../src/storage/files.ts";
import { kindOf, openFile } from "../../src/storage/storage.ts";
import { renamedTensors, rowInFile, widenBlocks } from "../../src/formats/gguf.ts";
import type { DenseMatrix } from "../../src/linalg/mod.ts";
import { realWidth } from "./amplification.ts";
import { adaptersFolder, shippedLayers } from "./shipped.ts";

/** Blocks of 32 values, layer after layer, rows in the order of Hugging Face's models. */
const weightsFile = join(adaptersFolder, "q_proj.q4_1");

/** Bytes of a row, of 20 a block. */
const rowBytes = realWidth / 32 * 20;

const nameOf = (layer: number) => `model.layers.${layer}.self_attn.q_proj.weight`;

/** Copies the blocks from the base's GGUF file. */
export async function shipWeights(base: string): Promise<void> {
  using file = await openFile(base);
  const tensors = renamedTensors(await readGguf(file));
  const all = new Uint8Array(shippedLayers.length * realWidth * rowBytes);
  let filled = 0;
  for (const layer of shippedLayers) {
    const { type: { name }, offset, headRows } = tensors.get(nameOf(layer))!;
    if (name !== "Q4_1") throw new RangeError(`shipping needs a base in Q4_1, found ${name}`);
    for (let row = 0; row < realWidth; row++) {
      const at = headRows === undefined ? row : rowInFile(row, headRows);
      await file.read(offset + at * rowBytes, rowBytes, all.subarray(filled, filled + rowBytes));
      filled += rowBytes;
    }
  }
  await writeFileAtomic(weightsFile, all);
}

/** The shipped weights by their module, if they are there. */
export async function shippedWeights(): Promise<
  ((module: string) => DenseMatrix) | undefined
> {
  if (await kindOf(weightsFile) !== "file") return undefined;
  const bytes = await readBytes(weightsFile), each = realWidth * rowBytes;
  return (module) => {
    const layer = Number(/\.(\d+)\.self_attn\.q_proj$/.exec(module)![1]);
    const start = shippedLayers.indexOf(layer) * each;
    const values = widenBlocks("Q4_1", bytes.slice(start, start + each));
    return { rows: realWidth, columns: realWidth, data: Float64Array.from(values) };
  };
}
