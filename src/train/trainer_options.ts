/** How a trainer steps: its options and their names. @module */

import type { Loss } from "../autograd/loss.ts";
import type { OptionNames } from "../core/options.ts";
import { quote } from "../core/quote.ts";
import { adamWNames, type AdamWOptions, type ParameterGroup } from "./adamw_options.ts";
import { type Schedule, type ScheduleName, scheduleNames } from "./schedule.ts";

/** How a trainer steps. */
export interface TrainerOptions extends AdamWOptions {
  /** Total number of steps, at which schedules end. */
  readonly steps: number;
  /** Seed of the dropout masks. Default 0. */
  readonly seed?: number;
  /** How the learning rate changes: a name or a function. Default `constant`. */
  readonly schedule?: ScheduleName | Schedule;
  /** Steps from rate 0 up to the learning rate, for a named schedule. Default 0. */
  readonly warmupSteps?: number;
  /** Factor that a named schedule decays to. Default 0. */
  readonly floor?: number;
  /** Batches per step; the loss is the mean over the labels of all of them. Default 1. */
  readonly accumulation?: number;
  /**
   * Whether the blocks of a model keep only what they read, and are computed once more for the backward pass: the
   * same gradients with fewer bytes, and a forward pass more in each step. Default false.
   */
  readonly activationCheckpointing?: boolean;
  /** What is minimized. Default: `crossEntropy`, with the next tokens or classes as targets. */
  readonly loss?: Loss;
  /**
   * `adamw`, or `adamw8bit`, whose moments take 2.03 bytes a value instead of 8 (see `adamW8bit`). Default `adamw`.
   */
  readonly optimizer?: "adamw" | "adamw8bit";
  /** Parameters with their own settings. Default: all trainable parameters, in one group. */
  readonly groups?: readonly ParameterGroup[];
}

/** The names of {@link TrainerOptions}. */
export const trainerNames: OptionNames<TrainerOptions> = {
  ...adamWNames,
  ...scheduleNames,
  seed: true,
  schedule: true,
  accumulation: true,
  activationCheckpointing: true,
  loss: true,
  optimizer: true,
  groups: true,
};

/** Names of the optimizers that a training can have. */
export const trainingOptimizers: readonly NonNullable<TrainerOptions["optimizer"]>[] = [
  "adamw",
  "adamw8bit",
];

/** Throws a RangeError unless there is an optimizer of that name. */
export function assertOptimizer(name: NonNullable<TrainerOptions["optimizer"]>): void {
  if (trainingOptimizers.includes(name)) return;
  const known = trainingOptimizers.join(" or ");
  throw new RangeError(`the optimizer of a training must be ${known}, found ${quote(name)}`);
}

/** Throws a RangeError unless an option is an integer of this range. */
export function assertCount(name: string, value: number, least: number, most = Infinity): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new RangeError(`training needs ${name} to be an integer ${range}, found ${quote(value)}`);
}
