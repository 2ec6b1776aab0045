/** The weights of a base model that an adapter changes, read without a device. @module */

import { type Architecture, architectureOf } from "../architectures/mod.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { isNamed } from "../core/module_names.ts";
import type { RowRange } from "../core/row_range.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import { siteName } from "../core/site.ts";
import { openSafetensors, type SafetensorsFile } from "../formats/mod.ts";
import { readConfigJson } from "../models/files.ts";
import { reorient } from "../models/transpose.ts";

/** The weights that updates change. The caller disposes of it. */
export interface BaseWeights extends Disposable {
  /**
   * Reads the weight of an update, (out, in); throws a `RangeError` that names the module if the base
   * has none that fits.
   */
  weightOf(update: LowRankUpdate): Promise<HostTensor>;
}

/**
 * Opens the weights in a Hugging Face folder of any family that `architectureOf` knows.
 *
 * @throws {Error} when the folder does not hold a model.
 * @throws {RangeError} when its architecture is unknown.
 */
export async function openBaseWeights(folder: string): Promise<BaseWeights> {
  const architecture = architectureOf(await readConfigJson(folder));
  const file = await openSafetensors(folder);
  return {
    weightOf: async (update) => {
      const { module, rows, A, B } = update;
      const whole = await readWeight(file, architecture, module, folder);
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

/** A module's weight as (out, in), whichever way the file stores it. */
async function readWeight(
  file: SafetensorsFile,
  { tensors }: Architecture,
  module: string,
  folder: string,
): Promise<HostTensor> {
  const keys = [...file.tensors.keys()].filter((key) => isSameTensor(key, `${module}.weight`));
  if (keys.length !== 1) {
    const found = keys.length === 0 ? "none" : keys.join(" and ");
    throw new RangeError(`the base in ${folder} must have one weight of ${module}, found ${found}`);
  }
  const [key] = keys, stored = await file.read(key);
  const spec = tensors.find(({ name }) => isSameTensor(name, key));
  return spec ? reorient(spec, stored) : stored;
}

/** Whether names are equal, except that one may have a longer prefix: GPT-2's `transformer.`. */
function isSameTensor(a: string, b: string): boolean {
  return isNamed(a, b) || isNamed(b, a);
}
