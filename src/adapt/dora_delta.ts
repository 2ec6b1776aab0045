/** DoRA's change of a weight, which depends on the weight. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import type { TrainedUpdate } from "../formats/mod.ts";
import type { BaseFile } from "../models/base_file.ts";
import { transpose } from "../models/transpose.ts";
import { wholeChange } from "./stored_change.ts";

/**
 * ΔW = m · V / ‖V‖ − W with V = W + s B A (Liu et al. 2024, equation 5), (out, in), in float64.
 *
 * @throws {RangeError} when the base has no weight that fits.
 */
export async function doraDelta(update: TrainedUpdate, base: BaseFile): Promise<HostTensor> {
  const { key, isTransposed } = base.locate(update), stored = await base.file.read(key);
  const values = isTransposed ? transpose(stored) : stored;
  return await wholeChange([{ read: () => update, isTransposed: false }], values);
}
