/** The weights of a base model that an adapter changes, read without a device. @module */

import type { LargeMatrix } from "../analysis/mod.ts";
import { type AdapterModule, openSafetensors, type SafetensorsFile } from "../formats/mod.ts";
import { readConfig } from "../models/mod.ts";

/** Gives a module's weight as (out, in). Dispose of it. */
export interface BaseWeights extends Disposable {
  /** Reads one weight; throws a `RangeError` that names the module where the base has none that fits. */
  weightOf(module: AdapterModule): Promise<LargeMatrix>;
}

/** Opens the weights of a Hugging Face folder. */
export async function openBaseWeights(folder: string): Promise<BaseWeights> {
  const { model_type } = await readConfig(folder), file = await openSafetensors(folder);
  return {
    weightOf: async ({ name, A, B }) => {
      const shape = [B.shape[0], A.shape[1]];
      const weight = await readWeight(file, name, folder, model_type === "gpt2");
      if (weight.rows === shape[0] && weight.columns === shape[1]) return weight;
      throw new RangeError(
        `the weight of ${name} in ${folder} must be ${shape[0]} x ${
          shape[1]
        } as its update, found ` +
          `${weight.rows} x ${weight.columns}`,
      );
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

async function readWeight(
  file: SafetensorsFile,
  name: string,
  folder: string,
  conv1d: boolean,
): Promise<LargeMatrix> {
  const keys = [...file.tensors.keys()].filter((key) => isWeightOf(key, name));
  if (keys.length !== 1) {
    const found = keys.length === 0 ? "none" : keys.join(" and ");
    throw new RangeError(`the base in ${folder} must have one weight of ${name}, found ${found}`);
  }
  const { shape: [rows, columns = 1], data } = await file.read(keys[0]);
  const matrix = { rows, columns, data: data as Float32Array };
  return conv1d ? turned(matrix) : matrix;
}

/** The name of the tensor is the module's, or one of them has more in front: GPT-2's `transformer.`. */
function isWeightOf(key: string, name: string): boolean {
  const full = `${name}.weight`;
  return key === full || full.endsWith(`.${key}`) || key.endsWith(`.${full}`);
}

/** GPT-2's files hold (in, out). */
function turned({ rows, columns, data }: LargeMatrix): LargeMatrix {
  const out = new Float32Array(data.length);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) out[j * rows + i] = data[i * columns + j];
  }
  return { rows: columns, columns: rows, data: out };
}
