/** What training lowers: how a model's outputs are held against a batch's targets. @module */

import { countLabels, crossEntropy } from "../autograd/ops/cross_entropy.ts";
import { klDivergence } from "../autograd/ops/kl_divergence.ts";
import { squaredError } from "../autograd/ops/squared_error.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/tensor.ts";
import { assertBatch, assertTeacherBatch, type Batch } from "./batch.ts";

/**
 * `cross-entropy` against the next tokens; `kl-divergence` from a teacher's logits, `squared-error`
 * against a teacher's outputs, both (rows, outputs).
 */
export type ObjectiveName = "cross-entropy" | "kl-divergence" | "squared-error";

/** How a loss is summed. */
interface LossOptions {
  /** The summed loss is divided by it. */
  readonly divisor: number;
  /** Label smoothing of the cross-entropy. */
  readonly smoothing?: number;
}

/** A way of comparing outputs with targets. */
export interface Objective {
  /** Throws unless the targets are of the kind that it takes. */
  assertBatch(batch: Batch): void;
  /** What the summed loss is divided by: labels that count, or rows. */
  count(batch: Batch): number;
  /** The loss of one batch, a single number. */
  loss(tape: Tape, outputs: Tensor, batch: Batch, options: LossOptions): Tensor;
}

const objectives: Readonly<Record<ObjectiveName, Objective>> = {
  "cross-entropy": {
    assertBatch,
    count: ({ targets }) => countLabels(targets.data),
    loss: (tape, logits, { targets }, options) => crossEntropy(tape, logits, targets.data, options),
  },
  "kl-divergence": {
    assertBatch: assertTeacherBatch,
    count: ({ targets }) => targets.shape[0],
    loss: (tape, logits, { targets }, { divisor }) => klDivergence(tape, logits, targets, divisor),
  },
  "squared-error": {
    assertBatch: assertTeacherBatch,
    count: ({ targets }) => targets.shape[0],
    loss: (tape, y, { targets }, { divisor }) => squaredError(tape, y, targets, divisor),
  },
};

/**
 * An objective by its name.
 *
 * @throws {RangeError} when there is none of that name.
 */
export function objectiveOf(name: ObjectiveName = "cross-entropy"): Objective {
  if (Object.hasOwn(objectives, name)) return objectives[name];
  const known = Object.keys(objectives).join(", ");
  throw new RangeError(`an objective must be one of ${known}, found ${name}`);
}
