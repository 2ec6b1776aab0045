/** The numbers of a training. @module */

import type { HeldOutLoss, TrainingLog } from "../train/mod.ts";

/** The numbers of a training; `run.json` in its folder also has its specification and digests. */
export interface TrainedRecord {
  /** Completed steps. */
  readonly steps: number;
  /** Number of trained values. */
  readonly trainable: number;
  /** Loss of the last step, before its update. */
  readonly loss: number | null;
  /** Loss of the first step. */
  readonly firstLoss: number | null;
  /** The held-out loss before training and at its lowest, where it was measured. */
  readonly heldOut?: { readonly before: number; readonly best: number; readonly bestStep: number };
}

/** The record of a training, finished or not. */
export function recordOf({ loss, heldOut }: TrainingLog, trainable: number): TrainedRecord {
  return {
    steps: loss.length,
    trainable,
    loss: loss.at(-1) ?? null,
    firstLoss: loss[0] ?? null,
    ...heldOut && { heldOut: extremesOf(heldOut) },
  };
}

/** The first and the lowest of held-out losses. */
export function extremesOf(
  points: readonly HeldOutLoss[],
): NonNullable<TrainedRecord["heldOut"]> {
  const { loss: best, step: bestStep } = points.reduce((a, b) => b.loss < a.loss ? b : a);
  return { before: points[0].loss, best, bestStep };
}
