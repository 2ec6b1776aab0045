/** Losses by their names in specifications. @module */

import { crossEntropy, klDivergence, type Loss, squaredError } from "../autograd/mod.ts";
import { quote } from "../core/quote.ts";

type LossName = NonNullable<LossSpec["objective"]>;

const losses: Readonly<Record<LossName, Loss>> = {
  "cross-entropy": crossEntropy,
  "kl-divergence": klDivergence,
  "squared-error": squaredError,
};

/** A loss by its name, as JSON cannot hold functions. */
export interface LossSpec {
  /** What is minimized. Default `cross-entropy`. */
  readonly objective?: "cross-entropy" | "kl-divergence" | "squared-error";
  /** Share of each target that is spread evenly over the classes, for the cross-entropy. Default 0. */
  readonly labelSmoothing?: number;
}

/**
 * The loss that a specification names.
 *
 * @throws {RangeError} when there is no loss of that name.
 */
export function lossOf({ objective = "cross-entropy", labelSmoothing }: LossSpec): Loss {
  if (!Object.hasOwn(losses, objective)) {
    const known = Object.keys(losses).join(", ");
    throw new RangeError(`an objective must be one of ${known}, found ${quote(objective)}`);
  }
  if (objective !== "cross-entropy" || !labelSmoothing) return losses[objective];
  return (tape, logits, targets, options) =>
    crossEntropy(tape, logits, targets, { smoothing: labelSmoothing, ...options });
}
