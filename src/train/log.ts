/** The log of a run: one number per step in each list. @module */

import { type HeldOutLoss, isHeldOut } from "./held_out_curve.ts";
import type { StepNumbers } from "./step_ring.ts";
import type { StepRecord } from "./trainer.ts";

/** The numbers of all steps so far, as in `log.json`. */
export interface TrainingLog {
  /** Mean loss before each update, in nats. */
  readonly loss: number[];
  /** Norm of all gradients before clipping. */
  readonly gradientNorm: number[];
  /** Learning rate that the step used. */
  readonly learningRate: number[];
  /** The held-out losses, if they were measured. */
  readonly heldOut?: readonly HeldOutLoss[];
}

/** A log without steps. */
export function emptyLog(): TrainingLog {
  return { loss: [], gradientNorm: [], learningRate: [] };
}

/** Appends a step to a log. */
export function logStep(log: TrainingLog, event: StepRecord & StepNumbers): void {
  log.loss.push(event.loss);
  log.gradientNorm.push(event.gradientNorm);
  log.learningRate.push(event.learningRate);
}

/** True of three lists of finite numbers, equally long, and of held-out losses if there are any. */
export function isLog(value: unknown): value is TrainingLog {
  if (typeof value !== "object" || value === null) return false;
  const { loss, gradientNorm, learningRate, heldOut } = value as Record<string, unknown>;
  return Array.isArray(loss) && (heldOut === undefined || isHeldOut(heldOut)) &&
    [loss, gradientNorm, learningRate].every((list) =>
      Array.isArray(list) && list.length === loss.length && list.every(Number.isFinite)
    );
}
