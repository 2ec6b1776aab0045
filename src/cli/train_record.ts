/** The numbers of a training. @module */

import {
  countTrainable,
  type RightAnswers,
  rightAnswersOn,
  type TextModel,
} from "../models/mod.ts";
import type { JsonRecord } from "../runs/mod.ts";
import type { HeldOutLoss, TrainingLog } from "../train/mod.ts";
import type { TrainRequest } from "./train_request.ts";

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
  /** How many held-out prompts are answered right in the end, where there are some. */
  readonly answers?: RightAnswers;
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

/** What a record has beside the log: measured at the end of a training, on the values that are saved. */
export async function measuredOf(
  model: TextModel,
  { kind, validation }: Pick<TrainRequest, "kind" | "validation">,
): Promise<JsonRecord> {
  const trainable = countTrainable(model);
  if (kind !== "prompted" || validation.length === 0) return { trainable };
  return { trainable, answers: { ...await rightAnswersOn(model, validation) } };
}

/** The first and the lowest of held-out losses. */
export function extremesOf(
  points: readonly HeldOutLoss[],
): NonNullable<TrainedRecord["heldOut"]> {
  const { loss: best, step: bestStep } = points.reduce((a, b) => b.loss < a.loss ? b : a);
  return { before: points[0].loss, best, bestStep };
}
