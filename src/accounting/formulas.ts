/** Parameters and bytes that a reader can check by hand. @module */

/**
 * Values of a low-rank update: rank · (inputs + outputs) (Hu et al. 2021, section 4.1).
 *
 * @example
 * ```ts
 * import { lowRankParameters } from "@lowrank/core/accounting";
 *
 * // q and v of GPT-3's 96 blocks at rank 4: 18,874,368.
 * console.log(96 * 2 * lowRankParameters(4, 12288, 12288));
 * ```
 */
export function lowRankParameters(rank: number, inputs: number, outputs: number): number {
  return rank * (inputs + outputs);
}

/**
 * Bytes of weights, gradients and Adam's two moments in F32: 4 a frozen value, 16 a trained one.
 * Activations are not among them.
 */
export function trainingBytesAdam(frozen: number, trained: number): number {
  return 4 * frozen + 16 * trained;
}
