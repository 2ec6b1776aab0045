/** The losses on held-out batches while training. @module */

import { isRecord } from "../core/json.ts";
import type { HostTensor } from "../core/host_tensor.ts";

/** A point of the held-out curve. */
export interface HeldOutLoss {
  /** Completed steps; 0 is before training. */
  readonly step: number;
  /** Mean loss over the targets of all held-out batches, in nats for a cross-entropy. */
  readonly loss: number;
}

/** What a trainer knows of held-out batches; a checkpoint keeps it. */
export class HeldOutCurve {
  /** All measurements, in order. */
  readonly points: HeldOutLoss[] = [];
  /** The trained values at the lowest point, in the order of the optimizer's slots. */
  bestValues: readonly HostTensor[] = [];

  /** The lowest point; of equal ones the first. */
  get best(): HeldOutLoss | undefined {
    const { points } = this;
    return points.length === 0 ? undefined : points.reduce((a, b) => b.loss < a.loss ? b : a);
  }
}

/** True of a list of one or more measurements. */
export function isHeldOut(value: unknown): value is HeldOutLoss[] {
  return Array.isArray(value) && value.length > 0 && value.every(isPoint);
}

const isPoint = (value: unknown): value is HeldOutLoss =>
  isRecord(value) && Number.isSafeInteger(value.step) && Number.isFinite(value.loss);
