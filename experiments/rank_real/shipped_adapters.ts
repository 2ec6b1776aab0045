/** The shipped part of the study's weights: adapters of six layers in F16, and W_q of these layers in the base's own four bits. @module */

import { join } from "node:path";
import { readBytes, writeFileAtomic } from "../../src/storage/files.ts";
import { readGguf } from "../../src/storage/gguf/header.ts";
import { kindOf, openFile } from "../../src/storage/storage.ts";
import { ggufTypes } from "../../src/storage/gguf/types.ts";
import { renamedTensors, rowInFile } from "../../src/formats/gguf.ts";
import type { DenseMatrix } from "../../src/linalg/mod.ts";

import { ownModels } from "../own_models.ts";
import type { Place } from "./cells.ts";
import { methodOf } from "./plan.ts";
import { realSteps } from "./runs.ts";
import { realWidth } from "./task.ts";

/** Their folder: a PEFT folder for each. */
export const adaptersFolder: string = ownModels("rank-study-smollm2");

/** Layers of 30 that are shipped, counted from 0. */
export const shippedLayers: readonly number[] = [0, 5, 11, 17, 23, 29];

/** Ranks of q and v that are shipped. */
const ranks = ["qv-1", "qv-4", "qv-8", "qv-64"];

/** True of a shipped adapter: at the end of 500 steps, from its own start. */
export const isShipped = ({ key, start, data, steps, at }: Place): boolean =>
  ranks.includes(key) && steps === realSteps && at === steps &&
  start === methodOf(key).starts + data;

/** Blocks of 32 values, layer after layer, rows in the order of Hugging Face's models. */
const weightsFile = join(adaptersFolder, "q_proj.q4_1");

/** Bytes of a row, of 20 a block. */
const rowBytes = realWidth / 32 * 20;

const tensorName = (layer: number) => `model.layers.${layer}.self_attn.q_proj.weight`;

/** Copies the blocks from the base's GGUF file. */
export async function shipWeights(base: string): Promise<void> {
  using file = await openFile(base);
  const tensors = renamedTensors(await readGguf(file));
  const all = new Uint8Array(shippedLayers.length * realWidth * rowBytes);
  let filled = 0;
  for (const layer of shippedLayers) {
    const { type: { name }, offset, headRows } = tensors.get(tensorName(layer))!;
    if (name !== "Q4_1") throw new RangeError(`shipping needs a base in Q4_1, found ${name}`);
    for (let row = 0; row < realWidth; row++) {
      const at = headRows === undefined ? row : rowInFile(row, headRows);
      await file.read(offset + at * rowBytes, rowBytes, all.subarray(filled, filled + rowBytes));
      filled += rowBytes;
    }
  }
  await writeFileAtomic(weightsFile, all);
}

/** The type of the shipped weights. */
const weightType = [...ggufTypes.values()].find(({ name }) => name === "Q4_1")!;

/** The shipped weights by their module, if they are there. */
export async function shippedWeights(): Promise<
  ((module: string) => DenseMatrix) | undefined
> {
  if (await kindOf(weightsFile) !== "file") return undefined;
  const bytes = await readBytes(weightsFile), each = realWidth * rowBytes;
  return (module) => {
    const layer = Number(/\.(\d+)\.self_attn\.q_proj$/.exec(module)![1]);
    const start = shippedLayers.indexOf(layer) * each;
    const values = weightType.widen!(bytes.slice(start, start + each));
    return { rows: realWidth, columns: realWidth, data: Float64Array.from(values) };
  };
}
