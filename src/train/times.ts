/** The times of a training. @module */

import { isRecord } from "../core/json.ts";

/** The times of a training, as in `times.json`. They are no part of its result: no two trainings have the same. */
export interface TrainingTimes {
  /** Seconds of all calls that it took; compiling, held-out losses and checkpoints included. */
  readonly seconds: number;
  /** Milliseconds of each step, held-out losses not included; the first step of a call also compiles. */
  readonly ms: readonly number[];
}

/** Keeps the times of a training that an earlier call may have begun. */
export class TrainingClock {
  readonly #ms: number[];
  readonly #seconds: number;
  readonly #now: () => number;
  readonly #started: number;

  /** Starts now, after what earlier calls took. */
  constructor(
    { seconds, ms }: TrainingTimes = { seconds: 0, ms: [] },
    now: () => number = () => performance.now(),
  ) {
    this.#seconds = seconds;
    this.#ms = [...ms];
    this.#now = now;
    this.#started = now();
  }

  /** Adds a step that took so many milliseconds. */
  add(ms: number): void {
    this.#ms.push(Number(ms.toFixed(2)));
  }

  /** The times so far. */
  get times(): TrainingTimes {
    const seconds = this.#seconds + (this.#now() - this.#started) / 1000;
    return { seconds: Number(seconds.toFixed(3)), ms: this.#ms };
  }
}

/** True of times of at most so many steps; those that another version has begun lack its steps. */
export function isTimes(value: unknown, steps: number): value is TrainingTimes {
  if (!isRecord(value) || !isTime(value.seconds)) return false;
  return Array.isArray(value.ms) && value.ms.length <= steps && value.ms.every(isTime);
}

const isTime = (value: unknown): boolean => Number.isFinite(value) && value as number >= 0;
