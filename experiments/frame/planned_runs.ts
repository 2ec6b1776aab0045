/** Runs that an experiment is going to read, known before any of them is made. @module */

import { join } from "node:path";
import { howMany } from "../../src/core/how_many.ts";
import type { Device } from "../../src/device/device.ts";
import type { Gpt2, Model } from "../../src/models/mod.ts";
import { run, type RunOptions, type RunResult, type RunSpec } from "../../src/runs/mod.ts";
import type { ExperimentContext } from "./experiment.ts";

/** Where a run is made, and who is told of each step. */
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
export interface PlannedRun {
  /** For the progress bar. */
  readonly label: string;
  /** Its steps. */
  readonly steps: number;
  /** What names its folder. */
  spec(device: Device): RunSpec | Promise<RunSpec>;
  /** Trains it, or reads it. */
  make(context: RunContext): Promise<RunResult>;
}

/** How a planned run reaches its model and its batches, and what it measures. */
export type RunOpeners<M extends Model> = Omit<RunOptions<M>, "folder" | "device" | "signal">;

/**
 * A run as `run` makes it.
 *
 * @param open Called when the run is made; what `owned` is given is disposed after it.
 */
export function planRun<M extends Model = Gpt2>(
  label: string,
  steps: number,
  spec: PlannedRun["spec"],
  open: (device: Device, owned: DisposableStack) => RunOpeners<M>,
): PlannedRun {
  return {
    label,
    steps,
    spec,
    make: async ({ onStep, ...context }) => {
      using owned = new DisposableStack();
      const { onProgress, ...openers } = open(context.device, owned);
      return await run(await spec(context.device), {
        ...openers,
        ...context,
        onProgress: (event, steps) => {
          onProgress?.(event, steps);
          onStep?.(event.step);
        },
      });
    },
  };
}

/** Makes the runs one after the other and gives their results in the same order. */
export async function makeRuns(
  plan: readonly PlannedRun[],
  { device, out, signal, report }: ExperimentContext,
): Promise<RunResult[]> {
  const total = plan.reduce((sum, { steps }) => sum + steps, 0), results: RunResult[] = [];
  let before = 0;
  for (const { label, steps, make } of plan) {
    const onStep = (step: number) => report((before + step) / total, label);
    results.push(await make({ device, folder: join(out, "runs"), signal, onStep }));
    before += steps;
  }
  if (plan.length > 0) report(1, howMany(plan.length, "run"));
  return results;
}
