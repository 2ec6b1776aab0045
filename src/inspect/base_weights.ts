/** The weights of a base model that an adapter changes, read without a device. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import type { RowRange } from "../core/row_range.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import { siteName } from "../core/site.ts";
import { openSafetensors, type SafetensorsFile } from "../formats/mod.ts";
import { readConfig } from "../models/mod.ts";
import { transpose } from "../models/transpose.ts";

/** Gives the weight that an update changes, as (out, in). Dispose of it. */
export interface BaseWeights extends Disposable {
  /** Reads one weight; throws a `RangeError` that names the module where the base has none that fits. */
  weightOf(update: LowRankUpdate): Promise<HostTensor>;
}

/**
 * Opens the weights of a Hugging Face folder.
 *
 * @throws {Error} when the folder is no model.
 */
export async function openBaseWeights(folder: string): Promise<BaseWeights> {
  const { model_type } = await readConfig(folder), file = await openSafetensors(folder);
  return {
    weightOf: async (update) => {
      const { module, rows, A, B } = update;
      const stored = await readWeight(file, module, folder);
      // GPT-2's files hold (in, out).
      const whole = model_type === "gpt2" ? transpose(stored) : stored;
      const weight = rows ? rowsOf(whole, rows) : whole;
      const shape = [B.shape[0], A.shape[1]];
      if (sameShape(weight.shape, shape)) return weight;
      throw new RangeError(
        `the weight of ${siteName(update)} in ${folder} must have its update's shape ${
          formatShape(shape)
        }, ` +
          `found ${formatShape(weight.shape)}`,
      );
    },
    [Symbol.dispose]: () => file[Symbol.dispose](),
  };
}

function rowsOf({ shape: [, columns], data }: HostTensor, { start, count }: RowRange): HostTensor {
  return {
    shape: [count, columns],
    data: data.subarray(start * columns, (start + count) * columns),
  };
}

async function readWeight(
  file: SafetensorsFile,
  name: string,
  folder: string,
): Promise<HostTensor> {
  const keys = [...file.tensors.keys()].filter((key) => isWeightOf(key, name));
  if (keys.length === 1) return await file.read(keys[0]);
  const found = keys.length === 0 ? "none" : keys.join(" and ");
  throw new RangeError(`the base in ${folder} must have one weight of ${name}, found ${found}`);
}

/** The name of the tensor is the module's, or one of them has more in front: GPT-2's `transformer.`. */
function isWeightOf(key: string, name: string): boolean {
  const full = `${name}.weight`;
  return key === full || full.endsWith(`.${key}`) || key.endsWith(`.${full}`);
}
