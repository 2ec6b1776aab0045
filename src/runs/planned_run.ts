/** A run known before it is made. @module */

import type { Device } from "../device/device.ts";
import type { Model, TextModel } from "../models/mod.ts";
import { run } from "./run.ts";
import type { RunOptions } from "./run_options.ts";
import type { RunResult } from "./run_folder.ts";
import type { RunSpec } from "./spec.ts";

/** Where a run is made, and what is called after each step. */
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
  /** What sets it apart, as the experiment reads it: rank, seed, task. */
  readonly chosen: Chosen;
  /** What names its folder. */
  spec(device: Device): RunSpec | Promise<RunSpec>;
  /** Trains it, or reads it. */
  make(context: RunContext): Promise<RunResult>;
}

/** A run's result, with what was chosen for it. */
export interface MadeRun<Chosen> extends RunResult {
  /** As planned. */
  readonly chosen: Chosen;
}

/** How a planned run reaches its model and its batches, and what it measures. */
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
