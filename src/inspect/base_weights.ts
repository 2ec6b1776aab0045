/** The weights of a base model that an adapter changes, read without a device. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { indicesOf } from "../core/row_range.ts";
import { gather } from "../formats/join_updates.ts";
import { openBase } from "../models/base_file.ts";
import { transpose } from "../models/transpose.ts";

/** The weights that updates change. The caller disposes of it. */
export interface BaseWeights extends Disposable {
  /**
   * Reads the weight of an update, (out, in), and no other; throws a `RangeError` that names the module if
   * the base has none that fits, or neither its architecture nor its shape says which axis is the output.
   */
  weightOf(update: LowRankUpdate): Promise<HostTensor>;
}

/**
 * Opens the weights in a Hugging Face folder of any family, in F32, F16 or BF16, whole or sharded. Only
 * headers are read.
 *
 * @throws {Error} when the folder does not hold a model in safetensors files.
 */
export async function openBaseWeights(folder: string): Promise<BaseWeights> {
  const base = await openBase(folder);
  return {
    weightOf: async (update) => {
      const { key, isTransposed } = base.locate(update), stored = await base.file.read(key);
      const whole = isTransposed ? transpose(stored) : stored;
      return update.rows ? gather(whole, indicesOf(update.rows)) : whole;
    },
    [Symbol.dispose]: () => base[Symbol.dispose](),
  };
}
