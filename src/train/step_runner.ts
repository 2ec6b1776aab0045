/** Running a trainer in blocks of steps, so that reading numbers does not delay them. @module */

import type { CompileReport } from "../device/device.ts";
import type { Batch } from "../core/batch.ts";
import type { OptionNames } from "../core/checks.ts";
import type { BatchReader } from "./batch.ts";
import {
  type HeldOutLoss,
  type StepNumbers,
  type StepRecord,
  StepRing,
  type Trainer,
} from "./trainer.ts";
import { otherWork } from "./evaluate.ts";
import { restoreBest, Validation, type ValidationOptions } from "./validation.ts";

/** Report of a step. */
export interface StepEvent<Evaluation = unknown> extends StepRecord, StepNumbers {
  /** Wall time of the step in milliseconds; the mean if several steps are read together. */
  readonly ms: number;
  /** The result of {@link WatchOptions.evaluate} after this step. */
  readonly evaluation?: Evaluation;
  /** The held-out loss after this step, if it was measured. */
  readonly heldOut?: HeldOutLoss;
  /** Milliseconds that measuring held-out losses took since the event before that has this. */
  readonly heldOutMs?: number;
  /** The held-out loss before training, on the first event of a training that measures it. */
  readonly heldOutBefore?: HeldOutLoss;
  /** Present on the last event of a run that its signal stopped before its end. */
  readonly stopped?: true;
  /** Present on the last event of a run that ended before its last step as its patience was over. */
  readonly early?: true;
}

/** Options for observing and stopping a training. */
export interface WatchOptions<Evaluation = unknown, Inputs = never>
  extends ValidationOptions<Inputs> {
  /** Stops after the next step. */
  readonly signal?: AbortSignal;
  /**
   * Steps from one pause to the next. At a pause, the step's event is yielded before the next step
   * begins, so that the model is in the state of that event. Default: `evaluateEvery`, else no pauses;
   * devices other than `webgpu` pause at every step.
   */
  readonly pauseEvery?: number;
  /** Steps from one evaluation to the next. */
  readonly evaluateEvery?: number;
  /** Called at those steps, after the update. */
  readonly evaluate?: (step: number) => Evaluation | Promise<Evaluation>;
  /** If given, compiles a step's kernels before the first step and receives the progress. */
  readonly onCompile?: CompileReport;
}

/** The names of {@link WatchOptions}. */
export const watchNames: OptionNames<WatchOptions> = {
  signal: true,
  pauseEvery: true,
  evaluateEvery: true,
  evaluate: true,
  onCompile: true,
  validation: true,
  validateEvery: true,
  patience: true,
};

/** Takes a trainer's step, by itself or with those of others. */
export type TakeStep<Inputs> = (
  trainer: Trainer<Inputs>,
  batches: readonly Batch<Inputs>[],
) => StepRecord | Promise<StepRecord>;

/** Keeps at most one block of steps in flight, whose losses and norms have not been read back yet. */
export class StepRunner<Inputs, E> {
  readonly #trainer: Trainer<Inputs>;
  readonly #reader: BatchReader<Inputs>;
  readonly #options: WatchOptions<E, Inputs>;
  readonly #takeStep: TakeStep<Inputs>;
  readonly #validation: Validation<Inputs>;
  readonly #blockSize: number;
  #flight: Promise<StepEvent<E>[]> = Promise.resolve([]);
  #clock = 0;
  #compiled = false;
  #stopped = false;
  #before?: HeldOutLoss;
  #heldOutMs = 0;

  /** Starts at the trainer's step; the reader must be at that step's batch. */
  constructor(
    trainer: Trainer<Inputs>,
    reader: BatchReader<Inputs>,
    options: WatchOptions<E, Inputs>,
    takeStep: TakeStep<Inputs>,
  ) {
    this.#takeStep = takeStep;
    this.#trainer = trainer;
    this.#reader = reader;
    this.#options = options;
    this.#validation = new Validation(trainer, options);
    this.#blockSize = trainer.model.device.kind === "webgpu" ? StepRing.capacity / 2 : 1;
  }

  /** True if all steps are done, or the last event reported why there are no more. */
  get ended(): boolean {
    return this.#atEnd || this.#stopped || this.#validation.isExhausted;
  }

  /** Measures the held-out loss before the first step. */
  async begin(): Promise<void> {
    if (this.#validation.isDue) this.#before = await this.#measure();
  }

  /** Runs a block; returns the events of the previous block, and its own if it must be read at once. */
  async advance(): Promise<StepEvent<E>[]> {
    const started = performance.now(), before = this.#flight;
    const records = [await this.#step()];
    while (records.length < this.#blockSize && !this.#mustRead) records.push(await this.#step());
    const mustRead = this.#mustRead;
    this.#flight = this.#numbers(records, started);
    this.#flight.catch(() => {}); // Awaited later; until then, a rejection is not unhandled.
    return [...await before, ...(mustRead ? await this.read() : [])];
  }

  /** Reads the block in flight. */
  async read(): Promise<StepEvent<E>[]> {
    const events = await this.#flight, last = events.length - 1;
    this.#flight = Promise.resolve([]);
    if (last < 0) return events;
    const isDone = this.#atEnd || this.#validation.isExhausted;
    if (isDone) restoreBest(this.#trainer);
    if (isDone && !this.#atEnd) events[last] = { ...events[last], early: true };
    this.#stopped ||= this.#aborted && !isDone;
    if (this.#stopped) events[last] = { ...events[last], stopped: true };
    return events;
  }

  get #atEnd(): boolean {
    return this.#trainer.steps >= this.#trainer.options.steps;
  }

  get #aborted(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  get #mustRead(): boolean {
    return this.#atEnd || this.#aborted || this.#paused;
  }

  get #paused(): boolean {
    const { pauseEvery, evaluateEvery } = this.#options, { steps } = this.#trainer;
    return this.#blockSize === 1 || isMultiple(steps, pauseEvery) ||
      isMultiple(steps, evaluateEvery) || this.#validation.isDue;
  }

  async #step(): Promise<StepRecord> {
    const batches: Batch<Inputs>[] = [];
    while (batches.length < this.#trainer.accumulation) batches.push(await this.#reader.next());
    await this.#compile(batches);
    await otherWork();
    return await this.#takeStep(this.#trainer, batches);
  }

  async #compile(batches: readonly Batch<Inputs>[]): Promise<void> {
    const { onCompile } = this.#options;
    if (onCompile && !this.#compiled) await this.#trainer.compile(batches, onCompile);
    this.#compiled = true;
  }

  async #numbers(records: readonly StepRecord[], started: number): Promise<StepEvent<E>[]> {
    const { isDue } = this.#validation; // Asked before the next step begins.
    const numbers = await this.#trainer.ring.read(records.length);
    const now = performance.now();
    const ms = (now - Math.max(started, this.#clock)) / records.length;
    this.#clock = now;
    const events = records.map((record, i): StepEvent<E> => ({ ...record, ...numbers[i], ms }));
    if (this.#before) events[0] = { ...events[0], heldOutBefore: this.#before };
    this.#before = undefined;
    const { evaluate, evaluateEvery } = this.#options, last = events.pop()!;
    const due = evaluate && isMultiple(last.step + 1, evaluateEvery);
    const evaluation = due ? { evaluation: await evaluate(last.step) } : {};
    const heldOut = isDue ? { heldOut: await this.#measure() } : {};
    const measured = this.#heldOutMs > 0 ? { heldOutMs: this.#heldOutMs } : {};
    this.#heldOutMs = 0;
    return [...events, { ...last, ...evaluation, ...heldOut, ...measured }];
  }

  async #measure(): Promise<HeldOutLoss> {
    const started = performance.now(), point = await this.#validation.measure();
    this.#heldOutMs += performance.now() - started;
    return point;
  }
}

function isMultiple(steps: number, every: number | undefined): boolean {
  return every !== undefined && steps % every === 0;
}
