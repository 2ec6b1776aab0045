/** Losses as specifications name them. @module */

import { crossEntropy, klDivergence, type Loss, squaredError } from "../autograd/mod.ts";

const losses = {
  "cross-entropy": crossEntropy,
  "kl-divergence": klDivergence,
  "squared-error": squaredError,
} as const satisfies Record<string, Loss>;

/** A loss by its name: JSON holds no functions. */
export interface LossSpec {
  /** What is minimized. Default `cross-entropy`. */
  readonly objective?: keyof typeof losses;
  /** Share of each target that is spread evenly over the classes, for the cross-entropy. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * The loss that a specification asks for.
 *
 * @throws {RangeError} when there is none of that name.
 */
export function lossOf({ objective = "cross-entropy", labelSmoothing }: LossSpec): Loss {
  if (!Object.hasOwn(losses, objective)) {
    const known = Object.keys(losses).join(", ");
    throw new RangeError(`an objective must be one of ${known}, found ${objective}`);
  }
  const loss = losses[objective];
  if (!labelSmoothing) return loss;
  return (tape, outputs, targets, options) =>
    loss(tape, outputs, targets, { smoothing: labelSmoothing, ...options });
}
