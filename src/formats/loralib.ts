/** The files of loralib, the paper authors' own package. @module */

import type { HostTensor } from "../core/host_tensor.ts";
import { assertUpdate, type LowRankUpdate } from "../core/low_rank_update.ts";

/**
 * The updates among a file's tensors, `….lora_A` and `….lora_B`; what else was trained is passed over.
 *
 * @param scaling α / r, which such a file does not say.
 * @throws {RangeError} when an A has no B, or the scaling is not finite in F32.
 * @throws {ShapeError} when an A and its B do not fit each other.
 *
 * @example
 * ```ts
 * import { loralibUpdates } from "@lowrank/core/formats";
 *
 * const A = { shape: [1, 2], data: Float32Array.of(1, 0) };
 * const tensors = new Map([["query.lora_A", A], ["query.lora_B", { ...A, shape: [2, 1] }]]);
 * console.log(loralibUpdates(tensors, 2)[0].module); // query
 * ```
 */
export function loralibUpdates(
  tensors: ReadonlyMap<string, HostTensor>,
  scaling: number,
): LowRankUpdate[] {
  return [...tensors].filter(([name]) => name.endsWith(".lora_A")).map(([name, A]) => {
    const module = name.slice(0, -".lora_A".length), B = tensors.get(`${module}.lora_B`);
    if (!B) throw new RangeError(`A and B must come in pairs, found no ${module}.lora_B`);
    const update = { module, A, B, scaling };
    assertUpdate(update);
    return update;
  });
}
