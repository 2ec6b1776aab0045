/** Runs: from a specification to a folder of results, resumable at any time. @module */

import type { Adapter } from "../adapt/mod.ts";
import type { Batch } from "../core/batch.ts";
import { assertOptions, type OptionNames } from "../core/checks.ts";
import type { CompileReport, Device } from "../device/device.ts";
import { type Model, saveModel, type TextModel } from "../models/mod.ts";
import { writeJsonAtomic } from "../storage/files.ts";
import { FolderClaim } from "../storage/folder.ts";
import { kindOf } from "../storage/storage.ts";
import { removeOlderCheckpoint } from "../train/checkpoint.ts";
import {
  assertFiniteResult,
  type BatchSource,
  emptyLog,
  hasCheckpoint,
  logStep,
  resumeCheckpoint,
  type Resumed,
  runTrainer,
  saveCheckpoint,
  type StepEvent,
  Trainer,
  TrainingClock,
  type TrainingLog,
  type TrainingTimes,
  type ValidationOptions,
} from "../train/mod.ts";
import { restoreBest } from "../train/validation.ts";
import {
  readRun,
  type RunFiles,
  runFiles,
  type RunLedger,
  type RunResult,
  tidyRunFolder,
  watchLedger,
  writeResult,
  writeSpec,
} from "./folder.ts";
import { applyMethod } from "./method.ts";
import {
  assertSpec,
  type JsonRecord,
  lossOf,
  type RunSpec,
  trainingGroups,
  trainingPreconditioner,
} from "./spec.ts";

/** Checkpoints, listeners and signal of a run's steps. */
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
const stepsNames: OptionNames<StepsOptions> = {
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
function withHeldOut(
  log: TrainingLog,
  { heldOut: { points } }: Trainer<unknown>,
): TrainingLog {
  return points.length > 0 ? { ...log, heldOut: points } : log;
}

/** Steps to the end, with checkpoints at regular intervals and when stopped. */
async function takeSteps<Inputs>(
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
async function startOf(
  checkpoint: string,
  trainer: Trainer<unknown>,
): Promise<Pick<Resumed, "log" | "exact" | "times">> {
  if (!await hasCheckpoint(checkpoint)) return { log: emptyLog(), exact: true };
  return await resumeCheckpoint(checkpoint, trainer);
}

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

/** The end of a run, wherever it was made. */
export type RunEnd = Omit<RunResult, "folder">;

/** The place that one run works in: one claim to it, and one rule of when the run is finished. */
export interface RunPlace<M extends Model = TextModel> {
  /** The file of the training so far. */
  readonly checkpoint: string;
  /**
   * Claims the place and writes the specification; called once all is ready, and after the place was removed.
   *
   * @throws {Error} when another process works there.
   */
  begin(): Promise<void>;
  /** True while the place is claimed and there. */
  isHeld(): Promise<boolean>;
  /** Saves what was trained. */
  save(trained: Trained<M>): Promise<void>;
  /** Writes the numbers of a run that is saved, and last that it is finished; what only resuming needs goes. */
  finish(end: RunEnd, times: TrainingTimes): Promise<void>;
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
const runOptionNames: OptionNames<RunOptions> = {
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

/**
 * Trains what a specification describes and writes a folder `<folder>/<hash of the specification>` with
 * `spec.json`, the `adapter` (PEFT) or the `model` (Hugging Face), `log.json`, `times.json`, `ledger.json`
 * and `metrics.json`. A run that has finished is read, not trained again; one that was stopped or killed
 * resumes from its last checkpoint, bit for bit if the device allows it.
 *
 * The peak of the device's ledger is reset. `done.json` is written last, with the digests of all other
 * files but the times: after a crash a folder without it is not finished, and the same call resumes. One
 * process at a time works in a run's folder; if somebody removes it meanwhile, it is made again.
 *
 * @throws {TypeError} when the specification, its method or its training is not an object, or an option does
 * not exist.
 * @throws {RangeError} when the device is not of the specification's kind, a loss is not finite, what was
 * trained is not, a checkpoint is damaged or of another base, or a finished run's file has changed.
 * @throws {Error} when another process works in the run's folder, or it cannot be written.
 * @throws The signal's reason when it was stopped; call again to resume.
 *
 * @example
 * ```ts
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 * import { run, type RunSpec } from "@lowrank/core/runs";
 *
 * using device = await openDevice({ kind: "cpu" });
 * const folder = await Deno.makeTempDir();
 * const spec: RunSpec = {
 *   model: { vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 },
 *   method: { kind: "lora", rank: 2, sites: ["q", "v"] },
 *   data: [[1, 2, 3]],
 *   training: { learningRate: 1e-2, steps: 5 },
 *   seed: 1,
 *   device: "cpu",
 * };
 * const { log } = await run(spec, {
 *   folder,
 *   device,
 *   openModel: ({ model, seed }, device) => {
 *     return initGpt2(device, parseGpt2Config(model as Record<string, unknown>), { seed });
 *   },
 *   openBatches: ({ data }) => (data as number[][]).map((row) => ({
 *     inputs: { tokens: { shape: [1, row.length], data: Uint32Array.from(row) } },
 *     targets: { shape: [1, row.length], data: Int32Array.from([...row.slice(1), -100]) },
 *   })),
 * });
 * console.log(log.loss.length); // 5
 * await Deno.remove(folder, { recursive: true });
 * ```
 */
export async function run<M extends Model = TextModel>(
  spec: RunSpec,
  options: RunOptions<M>,
): Promise<RunResult> {
  assertOptions("run", options, runOptionNames);
  assertSpec(spec, options.device);
  const files = await runFiles(options.folder, spec);
  using place = new RunFolder(files, spec, options.save);
  const finished = await place.finished();
  return finished ?? { folder: files.folder, ...await runIn(place, spec, options) };
}

/** Trains what a specification describes in a place where it is not finished, as {@link run} does in a folder of runs. */
export async function runIn<M extends Model>(
  place: RunPlace<M>,
  spec: RunSpec,
  options: Omit<RunOptions<M>, "folder" | "save">,
): Promise<RunEnd> {
  const { device, adapt = adaptByMethod } = options;
  assertSpec(spec, device);
  const measureBytes = watchLedger(device);
  using model = await options.openModel(spec, device);
  using adapter = await adapt(model, spec);
  const made = { model, adapter };
  const onReady = async (model: M, steps: number) => {
    await options.onReady?.(model, steps);
    await place.begin();
  };
  const hold = async () => {
    if (await place.isHeld()) return;
    await options.onRemoved?.();
    await place.begin();
  };
  const ready = { ...options, onReady, hold };
  const { log, times, exact, ledger } = await trainOn(made, spec, place, ready, measureBytes);
  const metrics = await options.measure?.(model, spec) ?? {};
  await hold();
  await removeOlderCheckpoint(place.checkpoint); // What is saved now may need its place on the disk.
  await place.save({ ...made, log, times });
  const end = { spec, log, ledger, metrics, exact, device: device.description };
  await place.finish(end, times);
  return end;
}

/** The folder of a run among others, which is called by its hash. */
class RunFolder<M extends Model> implements RunPlace<M>, Disposable {
  readonly save: (trained: Trained<M>) => Promise<void>;
  readonly #files: RunFiles;
  readonly #spec: RunSpec;
  readonly #claim: FolderClaim;

  constructor(files: RunFiles, spec: RunSpec, save: RunOptions<M>["save"]) {
    [this.#files, this.#spec, this.save] = [files, spec, save ?? saverTo(files, spec)];
    this.#claim = new FolderClaim(files.folder);
  }

  get checkpoint(): string {
    return this.#files.checkpoint;
  }

  /** The result if the run is finished; otherwise claims its folder, if there is one. */
  async finished(): Promise<RunResult | undefined> {
    const files = this.#files, finished = await readRun(files, this.#spec);
    if (!finished && await kindOf(files.folder) !== "folder") return undefined;
    if (!finished) {
      await this.#claim.take();
      return await readRun(files, this.#spec); // Another process may have finished it in between.
    }
    if (await hasCheckpoint(files.checkpoint)) {
      // Killed at its end; where the claim is refused, the other process removes them.
      await this.#claim.take().then(() => tidyRunFolder(files), () => {});
    }
    return finished;
  }

  async begin(): Promise<void> {
    await this.#claim.take();
    await writeSpec(this.#files, this.#spec);
  }

  isHeld(): Promise<boolean> {
    return this.#claim.isHeld();
  }

  async finish(end: RunEnd, times: TrainingTimes): Promise<void> {
    await writeJsonAtomic(this.#files.times, times);
    await writeResult(this.#files, end);
    await tidyRunFolder(this.#files);
  }

  [Symbol.dispose](): void {
    this.#claim[Symbol.dispose]();
  }
}

const adaptByMethod = (model: Model, { method, seed }: RunSpec) => applyMethod(model, method, seed);

const saverTo =
  (files: RunFiles, { training: { dtype = "F32" } }: RunSpec) =>
  ({ model, adapter }: Trained<Model>): Promise<void> =>
    adapter ? adapter.save(files.adapter, { dtype }) : saveModel(model, files.model, dtype);

/** Trains to the end, or throws the reason why it stopped. */
async function trainOn<M extends Model>(
  made: Omit<Trained<M>, "log" | "times">,
  spec: RunSpec,
  { checkpoint }: RunPlace<M>,
  options: Omit<RunOptions<M>, "folder" | "save"> & { readonly hold: () => Promise<void> },
  measureBytes: () => RunLedger,
): Promise<Pick<Trained, "log" | "times"> & { exact: boolean; ledger: RunLedger }> {
  const { training, seed } = spec, { model } = made;
  const { objective, labelSmoothing, validateEvery, patience, dtype: _dtype, ...others } = training;
  const { loraPlusRatio: _ratio, loraPlusEmbeddingRate: _rate, ...rest } = others;
  const { modulesToSaveRate: _modules, loraDamping: _damping, ...settings } = rest;
  const batches = await options.openBatches(spec);
  const validation = await options.openValidation?.(spec);
  using trainer = new Trainer(model, {
    ...settings,
    groups: trainingGroups(made.adapter, training, spec.method),
    preconditioner: trainingPreconditioner(made.adapter, training, spec.method),
    loss: lossOf({ objective, labelSmoothing }),
    seed,
  });
  const { log, exact, times } = await startOf(checkpoint, trainer);
  await options.onReady?.(model, trainer.steps);
  const clock = new TrainingClock(times);
  const kept = () => ({ log: withHeldOut(log, trainer), times: clock.times });
  try {
    const watch = { ...options, validation, validateEvery, patience };
    const save = async () => {
      await options.hold();
      await saveCheckpoint(checkpoint, trainer, log, clock.times);
    };
    await takeSteps(trainer, batches, { log, clock, save }, watch);
    const ledger = measureBytes();
    await assertFiniteResult(trainer);
    return { ...kept(), exact, ledger };
  } catch (failure) {
    // The checkpoint has the last values. A lone measurement is that of the start, which is no result.
    const isMeasured = trainer.heldOut.points.length > 1;
    if (isMeasured && options.signal?.reason === failure) restoreBest(trainer);
    await options.onCut?.({ ...made, ...kept() }, failure);
    throw failure;
  }
}
