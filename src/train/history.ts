/** What a training has shown so far. @module */

import type { HeldOutLoss } from "./held_out_curve.ts";
import { emptyLog, logStep, type TrainingLog } from "./log.ts";
import type { StepEvent } from "./step_runner.ts";

/** The result of an evaluation, and after how many steps. */
export interface EvaluatedStep<Evaluation> {
  /** Completed steps. */
  readonly steps: number;
  /** What `evaluate` returned. */
  readonly evaluation: Evaluation;
}

/** The numbers of the steps of a training, in order; `plot` draws its losses. */
export class History<Evaluation = unknown> implements TrainingLog {
  /** Mean loss before each update, in nats for a cross-entropy. */
  readonly loss: number[];
  /** Norm of all gradients before clipping. */
  readonly gradientNorm: number[];
  /** Learning rate that the step used. */
  readonly learningRate: number[];
  /** What was evaluated in between. */
  readonly evaluations: EvaluatedStep<Evaluation>[] = [];
  /** The held-out losses, the first of them before training; none where they are not measured. */
  readonly heldOut: HeldOutLoss[] = [];
  #stopped = false;

  /** A history without steps. */
  constructor() {
    const { loss, gradientNorm, learningRate } = emptyLog();
    this.loss = loss;
    this.gradientNorm = gradientNorm;
    this.learningRate = learningRate;
  }

  /** Number of steps. */
  get steps(): number {
    return this.loss.length;
  }

  /** Whether training was stopped before its end. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Appends a step. */
  add(event: StepEvent<Evaluation>): void {
    logStep(this, event);
    this.#stopped ||= event.stopped ?? false;
    const { evaluation, step, heldOutBefore, heldOut } = event;
    for (const point of [heldOutBefore, heldOut]) if (point) this.heldOut.push(point);
    if (evaluation !== undefined) this.evaluations.push({ steps: step + 1, evaluation });
  }
}
