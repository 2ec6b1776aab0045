/** Bytes of optimizer state for the tensors that are trained. @module */

import { countParameters, type TensorSpec } from "../architectures/architecture.ts";
import { evaluateFormula } from "./evaluate_formula.ts";
import type { OptimizerName } from "./optimizers.ts";

/** Smallest tensor whose moments bitsandbytes holds in 8 bits, and block size. */
const least8bit = 4096, block8bit = 256;

const bytes = (name: string, values: Record<string, number>): number =>
  Number(evaluateFormula(name, values));

const stateBytes: Readonly<Record<OptimizerName, (tensor: TensorSpec) => number>> = {
  sgd: (tensor) => bytes("sgdStateBytes", { P_t: countParameters([tensor]) }),
  momentum: (tensor) => bytes("momentumStateBytes", { P_t: countParameters([tensor]) }),
  adamw: (tensor) => bytes("adamStateBytes", { P_t: countParameters([tensor]) }),
  adamw8bit: (tensor) => {
    const P_t = countParameters([tensor]);
    return P_t < least8bit
      ? bytes("adamStateBytes", { P_t })
      : bytes("adamw8bitStateBytes", { P_t, B_q: block8bit });
  },
  adafactor: ({ name, shape }) => {
    // A vector cannot be factored: all its squares are kept.
    if (shape.length !== 2) return stateBytes.momentum({ name, shape });
    return bytes("adafactorStateBytes", { d_out: shape[0], d_in: shape[1] });
  },
};

/**
 * Bytes kept between steps, summed over tensors.
 *
 * `adamw8bit` is that of bitsandbytes, which leaves tensors of fewer than 4,096 values in F32; Adafactor
 * has no momentum and factors every matrix, however narrow, as in transformers.
 *
 * @param trained What is trained: a model's tensors, or the A and B of its updates.
 *
 * @example
 * ```ts
 * import { optimizerBytes } from "@lowrank/core/accounting";
 *
 * const matrix = [{ name: "W", shape: [768, 3072] }];
 * console.log(optimizerBytes("adamw", matrix)); // 18874368, 8 per value
 * console.log(optimizerBytes("adafactor", matrix)); // 15360, 4 per row and column
 * ```
 */
export function optimizerBytes(optimizer: OptimizerName, trained: Iterable<TensorSpec>): number {
  return [...trained].reduce((sum, tensor) => sum + stateBytes[optimizer](tensor), 0);
}

/** Bytes of scratch that stay between steps: the maps of moments in 8 bits, and the middles between their values. */
export function optimizerScratchBytes(
  optimizer: OptimizerName,
  trained: Iterable<TensorSpec>,
): number {
  const isMapped = optimizer === "adamw8bit" &&
    [...trained].some((tensor) => countParameters([tensor]) >= least8bit);
  return isMapped ? 4 * 4 * 256 : 0;
}
