/** Options of a run besides its specification. @module */

import type { Adapter } from "../adapt/mod.ts";
import type { Batch } from "../core/batch.ts";
import type { OptionNames } from "../core/options.ts";
import type { Device } from "../device/device.ts";
import type { Model, TextModel } from "../models/mod.ts";
import type { BatchSource, TrainingLog, TrainingTimes } from "../train/mod.ts";
import { stepsNames, type StepsOptions } from "./run_steps.ts";
import type { JsonRecord, RunSpec } from "./spec.ts";

/** The inputs that a model's forward takes. */
export type InputsOf<M extends Model> = Parameters<M["forward"]>[1];

/** The result of training: the model with its adapter, and the steps so far. */
export interface Trained<M extends Model = TextModel> {
  /** The model. */
  readonly model: M;
  /** Its adapter, of any method, if it has one. */
  readonly adapter?: Adapter;
  /** One number per step. */
  readonly log: TrainingLog;
  /** The times of the steps. */
  readonly times: TrainingTimes;
}

/** Options of a run besides its specification. */
export interface RunOptions<M extends Model = TextModel> extends StepsOptions {
  /** Folder of all runs. */
  readonly folder: string;
  /** The device that it runs on. */
  readonly device: Device;
  /** Opens the model that `spec.model` names; the run disposes it. */
  readonly openModel: (spec: RunSpec, device: Device) => Promise<M> | M;
  /** Opens the batches that `spec.data` describes. */
  readonly openBatches: (
    spec: RunSpec,
  ) => Promise<BatchSource<InputsOf<M>>> | BatchSource<InputsOf<M>>;
  /** Opens held-out batches, whose loss is measured while training; the best values are kept. */
  readonly openValidation?: (
    spec: RunSpec,
  ) => Promise<readonly Batch<InputsOf<M>>[]> | readonly Batch<InputsOf<M>>[];
  /** Adds what is trained to the model. Default: `applyMethod`. */
  readonly adapt?: (model: M, spec: RunSpec) => Promise<Adapter | undefined>;
  /**
   * Called when everything is ready, with the number of steps that earlier calls completed; the run's
   * folder is created afterwards.
   */
  readonly onReady?: (model: M, steps: number) => Promise<void> | void;
  /**
   * Called when the run's folder has been removed while it ran, before it is made again and the run continues;
   * what this throws ends the run.
   */
  readonly onRemoved?: () => Promise<void> | void;
  /** Measures the trained model; the result is written to `metrics.json`. */
  readonly measure?: (model: M, spec: RunSpec) => Promise<JsonRecord> | JsonRecord;
  /** Saves what was trained. Default: in the run's folder, as `adapter` or `model`. */
  readonly save?: (trained: Trained<M>) => Promise<void>;
  /**
   * Called when training is stopped or fails before its end, while the model still exists; the run then
   * throws the failure, or what this callback throws. Of a stopped one the model has the values at the lowest
   * held-out loss, if that was measured after a step; else those of the last step.
   */
  readonly onCut?: (trained: Trained<M>, failure: unknown) => Promise<void>;
}

/** The names of {@link RunOptions}. */
export const runOptionNames: OptionNames<RunOptions> = {
  ...stepsNames,
  folder: true,
  device: true,
  openModel: true,
  openBatches: true,
  openValidation: true,
  adapt: true,
  onReady: true,
  onRemoved: true,
  measure: true,
  save: true,
  onCut: true,
};
