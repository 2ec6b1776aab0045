/** The runs that an experiment reads, known before any of them is made. @module */

import { join } from "node:path";
import { howMany } from "../../src/core/how_many.ts";
import type { Device } from "../../src/device/device.ts";
import type { Model, TextModel } from "../../src/models/mod.ts";
import { run, type RunOptions, type RunResult, type RunSpec } from "../../src/runs/mod.ts";

/** What the list of an experiment's runs depends on. */
export interface PlanContext {
  /** Seeds of its runs. */
  readonly seeds: readonly number[];
  /** Few steps: shows that everything works, but not what the results are. */
  readonly quick: boolean;
  /** All ranks and sizes, where the default has only a few. */
  readonly full: boolean;
}

/** What an experiment is run with. */
export interface ExperimentContext extends PlanContext {
  /** The device of its runs. */
  readonly device: Device;
  /** Folder for runs, adapters and results. */
  readonly out: string;
  /** Stops at the next step. */
  readonly signal: AbortSignal;
  /** Reports progress, from 0 to 1. */
  report(share: number, text: string): void;
}

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
        onProgress: (event, steps) => {
          onProgress?.(event, steps);
          onStep?.(event.step);
        },
      });
    },
  };
}

/**
 * Makes the runs one after the other and gives their results in the same order. After a crash the same
 * call reads the finished ones and resumes the next.
 */
export async function makeRuns<Chosen>(
  plan: readonly PlannedRun<Chosen>[],
  { device, out, signal, report }: ExperimentContext,
): Promise<MadeRun<Chosen>[]> {
  const total = plan.reduce((sum, { steps }) => sum + steps, 0), made: MadeRun<Chosen>[] = [];
  let before = 0;
  for (const { label, steps, chosen, make } of plan) {
    const onStep = (step: number) => report((before + step) / total, label);
    const result = await make({ device, folder: join(out, "runs"), signal, onStep });
    made.push({ ...result, chosen });
    before += steps;
  }
  if (plan.length > 0) report(1, howMany(plan.length, "run"));
  return made;
}
