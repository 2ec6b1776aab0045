/** Losses: functions of a model's outputs and their targets. @module */

import { type HostTensor, isFloat } from "../core/host_tensor.ts";
import { assertShape, type Shape } from "../core/shape.ts";
import type { Tensor } from "../device/device.ts";
import type { Tape } from "./tape.ts";

/** How a loss is summed. */
export interface LossOptions {
  /** Divisor of the summed loss. Default: the number of labels that are not ignored, or of rows. */
  readonly divisor?: number;
}

/**
 * What training minimizes: a single number, the sum over the targets divided by `divisor`. Integer
 * targets are labels, of which negative ones are ignored; float targets are rows. `crossEntropy`,
 * `klDivergence` and `squaredError` are losses; a closure adds settings. As it is a sum, training asks for
 * it block by block, without the rows of a language model whose labels are ignored.
 *
 * @example Smoothed labels
 * ```ts
 * import { crossEntropy, type Loss } from "@lowrank/core";
 *
 * const smoothed: Loss = (tape, logits, targets, options) =>
 *   crossEntropy(tape, logits, targets, { smoothing: 0.1, ...options });
 * ```
 */
export type Loss = (
  tape: Tape,
  outputs: Tensor,
  targets: HostTensor,
  options: Required<LossOptions>,
) => Tensor;

/**
 * Throws unless targets are floats of the outputs' shape; for integers a trainer would count labels
 * instead of rows.
 */
export function assertFloatTargets(
  what: string,
  { shape, data }: HostTensor,
  outputs: Shape,
): void {
  assertShape(what, shape, outputs);
  if (!isFloat(data)) throw new TypeError(`${what} must be floats, found integers`);
}
