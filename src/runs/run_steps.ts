/** The steps of a run: resumed, watched, and with checkpoints. @module */

import type { OptionNames } from "../core/options.ts";
import type { CompileReport } from "../device/device.ts";
import {
  type BatchSource,
  emptyLog,
  hasCheckpoint,
  logStep,
  resumeCheckpoint,
  type Resumed,
  runTrainer,
  type StepEvent,
  type Trainer,
  type TrainingClock,
  type TrainingLog,
  type TrainingTimes,
  type ValidationOptions,
} from "../train/mod.ts";
import type { RunFiles } from "./run_folder.ts";

/** How a run steps. */
export interface StepsOptions {
  /** Steps from one checkpoint to the next. Default 100. */
  readonly checkpointEvery?: number;
  /** Stops at the next step and keeps a checkpoint. */
  readonly signal?: AbortSignal;
  /**
   * Called after every step of this call, but not for steps before a resume, with the number of
   * completed steps and the times of all calls so far. On `webgpu` the steps are more than the event's, as
   * events are read back later.
   */
  readonly onProgress?: (event: StepEvent, steps: number, times: TrainingTimes) => void;
  /** Called with the progress of compiling a step. */
  readonly onCompile?: CompileReport;
}

/** The names of {@link StepsOptions}. */
export const stepsNames: OptionNames<StepsOptions> = {
  checkpointEvery: true,
  signal: true,
  onProgress: true,
  onCompile: true,
};

/** The record of a run's steps. */
export interface StepsKept {
  /** One number per step. */
  readonly log: TrainingLog;
  /** Their times. */
  readonly clock: TrainingClock;
  /** Saves a checkpoint. */
  readonly save: () => Promise<void>;
}

/** The log with the held-out losses, which the trainer keeps. */
export function withHeldOut(
  log: TrainingLog,
  { heldOut: { points } }: Trainer<unknown>,
): TrainingLog {
  return points.length > 0 ? { ...log, heldOut: points } : log;
}

/** Steps to the end, with checkpoints at regular intervals and when stopped. */
export async function takeSteps<Inputs>(
  trainer: Trainer<Inputs>,
  batches: BatchSource<Inputs>,
  { log, clock, save }: StepsKept,
  { checkpointEvery: pauseEvery = 100, onProgress, ...options }:
    & StepsOptions
    & ValidationOptions<Inputs>,
): Promise<void> {
  const { signal, onCompile, validation, validateEvery, patience } = options;
  const watch = { signal, onCompile, validation, validateEvery, patience, pauseEvery };
  let isDone = trainer.steps >= trainer.options.steps;
  for await (const event of runTrainer(trainer, batches, watch)) {
    logStep(log, event);
    clock.add(event.ms);
    onProgress?.(event, trainer.steps, clock.times);
    isDone = event.early || trainer.steps >= trainer.options.steps;
    const due = trainer.steps === event.step + 1 && trainer.steps % pauseEvery === 0;
    // Not at the end: a resumed run needs at least one step, which determines its peak bytes.
    if ((due || event.stopped) && !isDone) await save();
  }
  if (!isDone) throw signal?.reason;
}

/** The steps that a run resumes after, if it has a checkpoint. */
export async function startOf(
  { checkpoint }: RunFiles,
  trainer: Trainer<unknown>,
): Promise<Pick<Resumed, "log" | "exact" | "times">> {
  if (!await hasCheckpoint(checkpoint)) return { log: emptyLog(), exact: true };
  return await resumeCheckpoint(checkpoint, trainer);
}
