/** Losses as specifications name them. @module */

import { crossEntropy, klDivergence, type Loss, squaredError } from "../autograd/mod.ts";
import type { TrainingSpec } from "./spec.ts";

const losses = {
  "cross-entropy": crossEntropy,
  "kl-divergence": klDivergence,
  "squared-error": squaredError,
} as const satisfies Record<string, Loss>;

/** The name of a loss: JSON holds no functions. */
export type LossName = keyof typeof losses;

/**
 * The loss that a specification asks for.
 *
 * @throws {RangeError} when there is none of that name.
 */
export function lossOf({ objective = "cross-entropy", labelSmoothing }: TrainingSpec): Loss {
  if (!Object.hasOwn(losses, objective)) {
    const known = Object.keys(losses).join(", ");
    throw new RangeError(`an objective must be one of ${known}, found ${objective}`);
  }
  const loss = losses[objective];
  if (!labelSmoothing) return loss;
  return (tape, outputs, targets, options) =>
    loss(tape, outputs, targets, { smoothing: labelSmoothing, ...options });
}
