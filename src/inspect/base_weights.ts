/** The weights of a base model that an adapter changes, read without a device. @module */

import { architectureOf } from "../architectures/mod.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { LowRankUpdate } from "../core/low_rank_update.ts";
import { NameEndings } from "../core/module_names.ts";
import type { RowRange } from "../core/row_range.ts";
import { formatShape, sameShape } from "../core/shape.ts";
import { siteName } from "../core/site.ts";
import { openSafetensors } from "../formats/mod.ts";
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
  const { tensors } = architectureOf(await readConfigJson(folder));
  const specs = new Map(tensors.map((spec) => [spec.name, spec]));
  const file = await openSafetensors(folder), keys = new NameEndings(file.tensors.keys());
  const known = new NameEndings(specs.keys());
  return {
    weightOf: async (update) => {
      const { module, rows, A, B } = update;
      const key = keyOf(keys.find(`${module}.weight`), module, folder),
        stored = await file.read(key);
      const [spec] = known.find(key), whole = spec ? reorient(specs.get(spec)!, stored) : stored;
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

/** The name of a module's weight in the file, with any prefix. */
function keyOf(found: readonly string[], module: string, folder: string): string {
  if (found.length === 1) return found[0];
  const names = found.length === 0 ? "none" : found.join(" and ");
  throw new RangeError(`the base in ${folder} must have one weight of ${module}, found ${names}`);
}
