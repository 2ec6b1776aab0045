/** Schedules: the factor of the learning rate as a function of the step. @module */

import { assertOptions, type OptionNames } from "../core/checks.ts";
import { quote } from "../core/errors.ts";

/** The factor of the learning rate at a step, counted from 0. */
export type Schedule = (step: number) => number;

/** Names of the schedules. */
export type ScheduleName = "constant" | "linear" | "cosine";

/** Length of a schedule and its ends. */
export interface ScheduleOptions {
  /** Total number of steps. */
  readonly steps: number;
  /** Steps of the linear warm-up from factor 0 to 1; the first step has factor 0. Default 0. */
  readonly warmupSteps?: number;
  /** Factor at the end. Default 0. */
  readonly floor?: number;
}

/** The names of {@link ScheduleOptions}. */
export const scheduleNames: OptionNames<ScheduleOptions> = {
  steps: true,
  warmupSteps: true,
  floor: true,
};

/**
 * 1 after the warm-up, like Hugging Face's `get_constant_schedule_with_warmup`.
 *
 * @throws {RangeError} when a number of steps is not a whole number, 0 or more.
 */
export function constantSchedule(options: Partial<ScheduleOptions> = {}): Schedule {
  assertOptions("a schedule", options, scheduleNames);
  const { warmupSteps = 0 } = options;
  assertSteps("warmupSteps", warmupSteps);
  return (step) => step < warmupSteps ? step / warmupSteps : 1;
}

/**
 * Decays linearly from 1 to `floor`, floor + (1 - floor) · (steps - step) / (steps - warmupSteps), like
 * Hugging Face's `get_linear_schedule_with_warmup` if the floor is 0.
 *
 * @throws {RangeError} when a number of steps is not a whole number, 0 or more, or the floor is negative.
 */
export function linearSchedule(options: ScheduleOptions): Schedule {
  return descent(options, (_, left) => left);
}

/**
 * Decays from 1 to `floor` along half a cosine wave, floor + (1 - floor) · (1 + cos(π · progress)) / 2,
 * like Hugging Face's `get_cosine_schedule_with_warmup` if the floor is 0.
 *
 * @throws {RangeError} when a number of steps is not a whole number, 0 or more, or the floor is negative.
 *
 * @example Pretraining ends at 5 % of the rate
 * ```ts
 * import { cosineSchedule } from "@lowrank/core";
 *
 * const factor = cosineSchedule({ steps: 100, warmupSteps: 10, floor: 0.05 });
 * console.log(factor(0), factor(10), factor(100)); // 0 1 0.05
 * ```
 */
export function cosineSchedule(options: ScheduleOptions): Schedule {
  return descent(options, (progress) => 0.5 * (1 + Math.cos(Math.PI * progress)));
}

/** A schedule by its name. */
export function scheduleOf(name: ScheduleName, options: ScheduleOptions): Schedule {
  const schedules = {
    constant: constantSchedule,
    linear: linearSchedule,
    cosine: cosineSchedule,
  };
  if (typeof name !== "string" || !Object.hasOwn(schedules, name)) {
    throw new RangeError(`a schedule must be constant, linear or cosine, found ${quote(name)}`);
  }
  return schedules[name](options);
}

function assertSteps(name: string, value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new RangeError(
    `a schedule needs ${name} to be a whole number, 0 or more, found ${quote(value)}`,
  );
}

function descent(
  options: ScheduleOptions,
  shape: (progress: number, left: number) => number,
): Schedule {
  assertOptions("a schedule", options, scheduleNames);
  const { steps, warmupSteps = 0, floor = 0 } = options;
  const warmUp = constantSchedule({ warmupSteps });
  assertSteps("steps", steps);
  if (!(floor >= 0 && floor < Infinity)) {
    throw new RangeError(`a schedule needs a floor of at least 0, found ${quote(floor)}`);
  }
  const length = Math.max(1, steps - warmupSteps);
  return (step) => {
    if (step < warmupSteps) return warmUp(step);
    const progress = Math.min(1, (step - warmupSteps) / length);
    return floor + (1 - floor) * shape(progress, Math.max(0, steps - step) / length);
  };
}
