/** Training as a stream of progress. @module */

import { type Batch, type BatchReader, type BatchSource, readBatches } from "./batch.ts";
import { type StepNumbers, StepRing } from "./step_ring.ts";
import { type StepRecord, type TrainableModel, Trainer, type TrainerOptions } from "./trainer.ts";

/** What is told of every step. */
export interface Progress<Evaluation = unknown> extends StepRecord, StepNumbers {
  /** Wall time of the step in milliseconds; where several are read together, their mean. */
  readonly ms: number;
  /** What {@link WatchOptions.evaluate} found after this step. */
  readonly evaluation?: Evaluation;
  /** Present on the last event of a run that was stopped before its end. */
  readonly stopped?: true;
}

/** How a run is watched and stopped. */
export interface WatchOptions<Evaluation = unknown> {
  /** Stops at the next step, which still counts. */
  readonly signal?: AbortSignal;
  /**
   * Steps from one pause to the next: the event of a pause's step comes before the next step begins, so
   * that the model is what the event says. Default: `evaluateEvery`, else no pauses; devices other than
   * `webgpu` pause at every step.
   */
  readonly pauseEvery?: number;
  /** Steps from one evaluation to the next. */
  readonly evaluateEvery?: number;
  /** Called at those steps, after the update. */
  readonly evaluate?: (step: number) => Evaluation | Promise<Evaluation>;
}

/** Options of {@link train}. */
export interface TrainOptions<Evaluation = unknown>
  extends TrainerOptions, WatchOptions<Evaluation> {
}

/**
 * Trains a model and yields one event a step, in order. Batches are taken in order, from the start again
 * when they run out.
 *
 * On `webgpu` losses come home 16 steps at a time, while the next ones run: waiting for a number costs
 * 10 ms. Leaving the loop ends the training; what was trained stays.
 *
 * @throws {RangeError} when an option is out of range, batches run out, or a loss is not finite: the
 * message names the step.
 *
 * @example
 * ```ts
 * import { initGpt2, openDevice, parseGpt2Config, train } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * const inputs = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };
 * const targets = { shape: [1, 3], data: Int32Array.of(2, 3, 4) };
 * for await (const { step, loss } of train(model, [{ inputs, targets }], { learningRate: 1e-2, steps: 3 })) {
 *   console.log(step, loss);
 * }
 * ```
 */
export async function* train<Evaluation = unknown>(
  model: TrainableModel,
  batches: BatchSource,
  options: TrainOptions<Evaluation>,
): AsyncGenerator<Progress<Evaluation>, void> {
  using trainer = new Trainer(model, options);
  yield* runTrainer(trainer, batches, options);
}

/** Steps a trainer from where it is up to its `steps`; {@link train} with a trainer of one's own. */
export async function* runTrainer<Evaluation = unknown>(
  trainer: Trainer,
  batches: BatchSource,
  options: WatchOptions<Evaluation> = {},
): AsyncGenerator<Progress<Evaluation>, void> {
  if (options.signal?.aborted) return;
  const reader = readBatches(batches, trainer.steps * trainer.accumulation);
  const runner = new Runner(trainer, reader, options);
  try {
    while (!runner.ended) yield* checked(await runner.advance());
  } finally {
    await runner.land().catch(() => {});
    await reader.close();
  }
}

/** Passes events on up to one whose numbers are of no use. */
function* checked<E>(events: readonly Progress<E>[]): Generator<Progress<E>> {
  for (const event of events) {
    for (const name of ["loss", "gradientNorm"] as const) {
      if (Number.isFinite(event[name])) continue;
      throw new RangeError(
        `training needs a finite ${name}, found ${event[name]} at step ${event.step}`,
      );
    }
    yield event;
  }
}

/** Keeps at most one block of steps in flight, whose numbers are on their way home. */
class Runner<E> {
  readonly #trainer: Trainer;
  readonly #reader: BatchReader;
  readonly #options: WatchOptions<E>;
  readonly #blockSize: number;
  #flight: Promise<Progress<E>[]> = Promise.resolve([]);
  #clock = 0;
  #stopped = false;

  constructor(trainer: Trainer, reader: BatchReader, options: WatchOptions<E>) {
    this.#trainer = trainer;
    this.#reader = reader;
    this.#options = options;
    this.#blockSize = trainer.model.device.kind === "webgpu" ? StepRing.capacity / 2 : 1;
  }

  /** True when all steps are done, or the last event said that the run was stopped. */
  get ended(): boolean {
    return this.#atEnd || this.#stopped;
  }

  /** Runs a block; returns the events of the one before it, and its own where nothing follows at once. */
  async advance(): Promise<Progress<E>[]> {
    const started = performance.now(), before = this.#flight;
    const records: StepRecord[] = [];
    do records.push(await this.#step()); while (
      records.length < this.#blockSize && !this.#mustLand
    );
    this.#flight = this.#numbers(records, started);
    this.#flight.catch(() => {}); // Until it is awaited, nobody else looks at it.
    return [...await before, ...(this.#mustLand ? await this.land() : [])];
  }

  /** Waits for the block in flight. */
  async land(): Promise<Progress<E>[]> {
    const events = await this.#flight, last = events.length - 1;
    this.#flight = Promise.resolve([]);
    this.#stopped = this.#aborted && !this.#atEnd;
    if (this.#stopped) events[last] = { ...events[last], stopped: true };
    return events;
  }

  get #atEnd(): boolean {
    return this.#trainer.steps >= this.#trainer.options.steps;
  }

  get #aborted(): boolean {
    return this.#options.signal?.aborted ?? false;
  }

  get #mustLand(): boolean {
    return this.#atEnd || this.#aborted || this.#paused;
  }

  get #paused(): boolean {
    const { pauseEvery, evaluateEvery } = this.#options, { steps } = this.#trainer;
    return this.#blockSize === 1 || isMultiple(steps, pauseEvery) ||
      isMultiple(steps, evaluateEvery);
  }

  async #step(): Promise<StepRecord> {
    const batches: Batch[] = [];
    while (batches.length < this.#trainer.accumulation) batches.push(await this.#reader.next());
    return this.#trainer.step(batches);
  }

  async #numbers(records: readonly StepRecord[], started: number): Promise<Progress<E>[]> {
    const numbers = await this.#trainer.ring.read(records.length);
    const now = performance.now();
    const ms = (now - Math.max(started, this.#clock)) / records.length;
    this.#clock = now;
    const events = records.map((record, i): Progress<E> => ({ ...record, ...numbers[i], ms }));
    const { evaluate, evaluateEvery } = this.#options, { steps } = this.#trainer;
    if (evaluate && isMultiple(steps, evaluateEvery)) {
      events.push({ ...events.pop()!, evaluation: await evaluate(steps - 1) });
    }
    return events;
  }
}

function isMultiple(steps: number, every: number | undefined): boolean {
  return every !== undefined && steps % every === 0;
}
