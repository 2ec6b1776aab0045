/** An estimate of the rest of a training, by its latest steps. @module */

import type { StepEvent } from "../train/mod.ts";
import type { TrainRequest } from "./train_request.ts";

/** The work of a training. */
export interface Course {
  /** Steps of the whole training. */
  readonly steps: number;
  /** Steps from one measurement of the held-out loss to the next; none if it is not measured. */
  readonly validateEvery?: number;
}

/** The work that is known before it begins. */
export const courseOf = (
  { spec: { training }, validation }: Pick<TrainRequest, "spec" | "validation">,
): Course => ({
  steps: training.steps,
  validateEvery: validation.length > 0 ? training.validateEvery : undefined,
});

/** The least that is known before an estimate is given. */
const leastSteps = 3, leastMs = 3000;

/** From what it is made: so many of the latest steps, or more if they took less than this time. */
const latestSteps = 32, latestMs = 20_000;

/**
 * Estimates the time left. Steps that are read first do not count, as they compile and warm up; measurements of
 * the held-out loss do, and those that are still to come are expected to take as long as those before them.
 */
export class TimeLeft {
  readonly #course: Course;
  readonly #latest: number[] = [];
  #first?: number;
  #done = 0;
  #ms = 0;
  #measured = 0;
  #heldOutMs = 0;

  /** Of a training that begins, or is resumed. */
  constructor(course: Course) {
    this.#course = course;
  }

  /** Takes the next step's event. */
  add({ step, ms, heldOut, heldOutBefore, heldOutMs = 0 }: Omit<StepEvent, "evaluation">): void {
    this.#done = step + 1;
    this.#measured += [heldOut, heldOutBefore].filter(Boolean).length;
    this.#heldOutMs += heldOutMs;
    this.#first ??= ms;
    // Steps that are read together have one time.
    if (this.#latest.length === 0 && ms === this.#first) return;
    this.#ms += ms;
    this.#latest.push(ms);
    while (this.#latest.length > latestSteps && this.#ms - this.#latest[0] >= latestMs) {
      this.#ms -= this.#latest.shift()!;
    }
  }

  /** Milliseconds that the rest will take; undefined before 3 steps and 3 s of steps. */
  get ms(): number | undefined {
    if (this.#latest.length < leastSteps || this.#ms < leastMs) return undefined;
    const measurement = this.#heldOutMs / Math.max(1, this.#measured);
    return this.#ms / this.#latest.length * (this.#course.steps - this.#done) +
      measurement * this.#measurementsLeft();
  }

  /** At every n-th step, and at the last one. */
  #measurementsLeft(): number {
    const { steps, validateEvery: every } = this.#course, done = this.#done;
    if (every === undefined) return 0;
    return Math.ceil(steps / every) - Math.floor(done / every);
  }
}
