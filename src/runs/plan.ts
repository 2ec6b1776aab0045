/** A run known before it is made. @module */

import { quote } from "../core/errors.ts";
import { environmentVariable } from "../core/platform.ts";
import type { Device } from "../device/device.ts";
import type { Model, TextModel } from "../models/mod.ts";
import type { RunResult } from "./folder.ts";
import { run, type RunOptions } from "./run.ts";
import type { RunSpec } from "./spec.ts";

/** Device, folder and listeners of a run. */
export interface RunContext {
  /** Its device. */
  readonly device: Device;
  /** Folder of all runs. */
  readonly folder: string;
  /** Stops at the next step. */
  readonly signal?: AbortSignal;
  /** Called after each step with its number, counted from 0. */
  readonly onStep?: (step: number) => void;
}

/** A run to be made, or to be read where it is finished. */
export interface PlannedRun<Chosen = unknown> {
  /** For the progress bar. */
  readonly label: string;
  /** Its steps. */
  readonly steps: number;
  /** Values that tell it from the other runs of its experiment: rank, seed, task. */
  readonly chosen: Chosen;
  /** Its specification, whose hash names its folder. */
  spec(device: Device): RunSpec | Promise<RunSpec>;
  /** Trains it, or reads it. */
  make(context: RunContext): Promise<RunResult>;
}

/** A run's result, with what was chosen for it. */
export interface MadeRun<Chosen> extends RunResult {
  /** As planned. */
  readonly chosen: Chosen;
}

/** Functions that open a planned run's model and batches, and measure it at its end. */
export type RunOpeners<M extends Model> = Omit<RunOptions<M>, "folder" | "device" | "signal">;

/** A planned run that `run` makes. */
export interface RunPlan<Chosen, M extends Model> extends Omit<PlannedRun<Chosen>, "make"> {
  /** Called when the run is made; what `owned` is given is disposed after it. */
  open(device: Device, owned: DisposableStack): RunOpeners<M>;
}

/** Plans a run that `run` makes. */
export function planRun<Chosen, M extends Model = TextModel>(
  { open, ...plan }: RunPlan<Chosen, M>,
): PlannedRun<Chosen> {
  return {
    ...plan,
    make: async ({ onStep, ...context }) => {
      using owned = new DisposableStack();
      const { onProgress, ...openers } = open(context.device, owned);
      return await run(await plan.spec(context.device), {
        ...openers,
        ...context,
        onProgress: (event, ...reached) => {
          onProgress?.(event, ...reached);
          onStep?.(event.step);
        },
      });
    },
  };
}

/** One part of a job. */
export interface Shard {
  /** Number of the shard, from 1. */
  readonly index: number;
  /** Of how many. */
  readonly count: number;
}

/**
 * Variables by which a task of a Slurm array or a pod of a Kubernetes indexed job learns its
 * number.
 */
export const shardVariables = [
  "SLURM_ARRAY_TASK_ID",
  "SLURM_ARRAY_TASK_COUNT",
  "SLURM_ARRAY_TASK_MIN",
  "SLURM_ARRAY_TASK_MAX",
  "JOB_COMPLETION_INDEX",
] as const;

/** The value of a variable; undefined where it is not set. */
export type Environment = (variable: typeof shardVariables[number]) => string | undefined;

/**
 * The part of a job that this process is to do: `i/n` as given; `/n` with the i of the environment; or, where
 * nothing is given, the task of a Slurm array that is numbered from 0 or 1 without gaps. Undefined where
 * the environment names none either.
 *
 * A Slurm array for `/n` is numbered from 1 (`--array=1-n`), a Kubernetes job's pods are from 0.
 *
 * @throws {RangeError} when it is not two whole numbers with 1 ≤ i ≤ n, or the environment does not say which
 * part of how many this is.
 */
export function shardOf(
  given: string | undefined,
  environment: Environment = environmentVariable,
): Shard | undefined {
  if (given === undefined) return arrayTask(environment);
  const [, index, count] = /^(\d*)\/(\d+)$/.exec(given) ?? [];
  const shard = { index: Number(index || placeIn(environment)), count: Number(count) };
  if (shard.index >= 1 && shard.index <= shard.count) return shard;
  const found = index === "" ? `${given} with ${namedIn(environment)}` : given;
  throw new RangeError(
    `--shard must be i/n, or /n in an array, with i from 1 to n, found ${found}`,
  );
}

/** Number of this task, from 1; NaN outside of an array. */
function placeIn(environment: Environment): number {
  const task = environment("SLURM_ARRAY_TASK_ID"), pod = environment("JOB_COMPLETION_INDEX");
  if (task !== undefined) return whole(task);
  return pod === undefined ? NaN : whole(pod) + 1;
}

/** The set variable and its value, or that there is none. */
function namedIn(environment: Environment): string {
  const name = shardVariables.find((variable) =>
    /ID$|INDEX$/.test(variable) && environment(variable) !== undefined
  );
  return name ? `${name}=${quote(environment(name))}` : "no SLURM_ARRAY_TASK_ID";
}

/** The part that a task of a whole Slurm array is. */
function arrayTask(environment: Environment): Shard | undefined {
  const [id, count, least, most] = shardVariables.map((name) => environment(name) ?? "").map(whole);
  const isTask = environment("SLURM_ARRAY_TASK_ID") !== undefined;
  // A lost task that is sent again alone, --array=3, has a count of 1: it does not know that it is 3 of 8.
  if (isTask && count > 1 && least <= 1 && most - least + 1 === count) {
    return { index: id - least + 1, count };
  }
  if (!isTask && environment("JOB_COMPLETION_INDEX") === undefined) return undefined;
  throw new RangeError(
    `an array must say of how many parts it is: give --shard /n, found ${
      namedIn(environment)
    } alone`,
  );
}

const whole = (text: string): number => /^\d+$/.test(text) ? Number(text) : NaN;

/** Every n-th item, from the i-th. */
export const partOf = <T>(items: readonly T[], { index, count }: Shard): T[] =>
  items.filter((_, place) => place % count === index - 1);
