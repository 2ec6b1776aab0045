/** The trainer: steps any model that names its trainable parameters. @module */

import { lossOfBatch } from "../autograd/head_loss.ts";
import type { Loss } from "../autograd/loss.ts";
import { crossEntropy } from "../autograd/ops/cross_entropy.ts";
import type { Parameter } from "../autograd/parameter.ts";
import { Tape } from "../autograd/tape.ts";
import { type Batch, countTargets, type ModelInputs } from "../core/batch.ts";
import { mostAccumulation } from "../core/limits.ts";
import { assertOptions, pickOptions } from "../core/options.ts";
import type { PromptFormat } from "../core/prompt_format.ts";
import { assertSeed, hash32 } from "../core/random.ts";
import type { CompileReport, Tensor } from "../device/device.ts";
import { type AdamW, adamW, adamW8bit } from "./adamw.ts";
import { adamWNames, type AdamWOptions } from "./adamw_options.ts";
import { assertBatch } from "./batch.ts";
import { StepRing } from "./step_ring.ts";
import { HeldOutCurve } from "./held_out_curve.ts";
import { type Schedule, scheduleNames, scheduleOf, type ScheduleOptions } from "./schedule.ts";
import { assertAllTrainable, type TrainableModel } from "./trainable_model.ts";
import {
  assertCount,
  assertOptimizer,
  trainerNames,
  type TrainerOptions,
} from "./trainer_options.ts";

/** What is known about a step as soon as it is submitted to the device. */
export interface StepRecord {
  /** The step, counted from 0. */
  readonly step: number;
  /** The learning rate that it used. */
  readonly learningRate: number;
  /** Number of labels that are not ignored, or of rows of float targets, over which the loss is a mean. */
  readonly counted: number;
}

/**
 * Owns an optimizer and steps a model with it. A step reads nothing back, so it runs on every device,
 * `dry` included: losses and norms stay in a ring on the device until {@link Trainer.ring} is read.
 *
 * @example
 * ```ts
 * import { initGpt2, openDevice, parseGpt2Config, Trainer } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using trainer = new Trainer(model, { learningRate: 1e-3, steps: 10 });
 * const tokens = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };
 * const targets = { shape: [1, 3], data: Int32Array.of(2, 3, 4) };
 * trainer.step([{ inputs: { tokens }, targets }]);
 * console.log((await trainer.ring.read(1))[0].loss);
 * ```
 */
export class Trainer<Inputs = ModelInputs> implements Disposable {
  /** The model in training. */
  readonly model: TrainableModel<Inputs>;
  /** How it is trained. */
  readonly options: TrainerOptions;
  /** Its gradients, moments and count of steps. */
  readonly optimizer: AdamW;
  /** Losses and norms of the latest steps. */
  readonly ring: StepRing;
  /** What is minimized. */
  readonly loss: Loss;
  /** Batches per step. */
  readonly accumulation: number;
  /** Losses on held-out batches so far, and the values at their lowest. */
  readonly heldOut: HeldOutCurve = new HeldOutCurve();
  readonly #schedule: Schedule;
  readonly #trained: ReadonlySet<Parameter>;
  #latest: readonly Batch<Inputs>[] = [];

  /**
   * Allocates the optimizer's buffers.
   *
   * @throws {TypeError} when the options are not an object, or one does not exist.
   * @throws {RangeError} when an option is out of range, nothing is trainable, or a whole model is not in F32.
   */
  constructor(model: TrainableModel<Inputs>, options: TrainerOptions) {
    assertOptions("a training", options, trainerNames);
    const { schedule = "constant", accumulation = 1, optimizer = "adamw", steps, seed = 0 } =
      options;
    assertOptimizer(optimizer);
    assertCount("steps", steps, 0);
    assertCount("accumulation", accumulation, 1, mostAccumulation);
    assertSeed(seed);
    if (!options.groups) assertAllTrainable(model);
    this.model = model;
    this.options = options;
    this.accumulation = accumulation;
    this.#schedule = typeof schedule === "function"
      ? schedule
      : scheduleOf(schedule, pickOptions<ScheduleOptions>(options, scheduleNames));
    this.loss = options.loss ?? crossEntropy;
    using unfinished = new DisposableStack();
    const make = optimizer === "adamw" ? adamW : adamW8bit;
    this.optimizer = unfinished.use(
      make(options.groups ?? model.trainable(), pickOptions<AdamWOptions>(options, adamWNames)),
    );
    this.#trained = new Set(this.optimizer.slots.map(({ parameter }) => parameter));
    this.ring = new StepRing(model.device);
    unfinished.move();
  }

  /** Completed steps. */
  get steps(): number {
    return this.optimizer.steps;
  }

  /** The batches of the latest step; none before the first one of this trainer. */
  get latest(): readonly Batch<Inputs>[] {
    return this.#latest;
  }

  /**
   * Takes one step on the mean loss over the targets of all batches, then submits.
   *
   * @throws {RangeError} when there are not {@link Trainer.accumulation} batches, or all labels are
   * ignored.
   * @throws {ShapeError} when targets do not fit their outputs.
   */
  step(batches: readonly Batch<Inputs>[]): StepRecord {
    const counted = this.countTargets(batches);
    this.#accumulate(batches, counted);
    const record = this.update(batches, counted);
    this.model.device.submit();
    return record;
  }

  /**
   * The number of targets of a step's batches, over which its loss is a mean.
   *
   * @throws {RangeError} when there are not {@link Trainer.accumulation} batches.
   * @throws {TypeError} when one is not a batch.
   */
  countTargets(batches: readonly Batch<Inputs>[]): number {
    batches.forEach(assertBatch);
    this.#assertCount(batches.length);
    return batches.reduce((sum, { targets }) => sum + countTargets(targets), 0);
  }

  /** Writes a part of a step's loss to {@link Trainer.ring}, or adds it to the parts before. */
  addLoss(loss: Tensor, accumulate: boolean): void {
    this.ring.addLoss(this.steps, loss, accumulate);
  }

  /** The second half of a step, without a submit: updates with the gradients that passes of its batches have left. */
  update(batches: readonly Batch<Inputs>[], counted: number): StepRecord {
    const step = this.steps;
    this.optimizer.learningRate = this.options.learningRate * this.#schedule(step);
    const { learningRate } = this.optimizer;
    this.optimizer.step();
    this.#remember(batches.at(-1)!.promptFormat);
    this.#latest = batches;
    this.ring.finish(step, this.optimizer.norm);
    return { step, learningRate, counted };
  }

  /**
   * Compiles what steps on batches of these shapes launch, without changing anything. Otherwise the
   * first step compiles as it runs, which takes seconds on a software adapter with an empty cache. Does
   * nothing on devices other than `webgpu`.
   *
   * @param report Called with the number of programs that are ready, and of all.
   */
  async compile(batches: readonly Batch<Inputs>[], report?: CompileReport): Promise<void> {
    await this.model.device.compile(() => this.#rehearse(batches), report);
  }

  /** Frees the optimizer; the parameters keep their values. */
  [Symbol.dispose](): void {
    this.ring[Symbol.dispose]();
    this.optimizer[Symbol.dispose]();
  }

  /** Trained adapters have other values, and they, or else the model, keep the format of their prompts. */
  #remember(format: PromptFormat | undefined): void {
    const { adapters = [] } = this.model;
    const adapted = [...adapters].filter(({ parameters }) =>
      parameters.some((one) => this.#trained.has(one))
    );
    for (const one of adapted) one.values = {};
    if (!format) return;
    for (const one of adapted.length > 0 ? adapted : [this.model]) one.promptFormat = format;
  }

  /** A step without its launches. */
  #rehearse(batches: readonly Batch<Inputs>[]): void {
    const { steps, ring: { next }, optimizer: { learningRate } } = this;
    try {
      this.step(batches);
    } finally {
      this.optimizer.resumeAt(steps);
      this.optimizer.learningRate = learningRate;
      this.ring.next = next;
    }
  }

  /** Dropout is seeded by the batch's number: with another count, masks would repeat. */
  #assertCount(count: number): void {
    if (count === this.accumulation) return;
    throw new RangeError(
      `a step needs ${this.accumulation} batches (accumulation), found ${count || "none"}`,
    );
  }

  #accumulate(batches: readonly Batch<Inputs>[], divisor: number): void {
    try {
      batches.forEach((batch, i) => this.#addGradients(batch, i, divisor));
    } catch (error) {
      this.optimizer.discard();
      throw error;
    }
  }

  #addGradients(batch: Batch<Inputs>, index: number, divisor: number): void {
    const { seed = 0, activationCheckpointing } = this.options;
    // Indices start at 1: seed 0 hashes index 0 to 0, a mask seed that would again hash index 0 to 0.
    const dropoutSeed = hash32(seed, this.steps * this.accumulation + index + 1);
    using tape = new Tape(this.model.device, { dropoutSeed, activationCheckpointing });
    const value = lossOfBatch(tape, this.model, batch, { loss: this.loss, divisor });
    this.addLoss(value, index > 0);
    tape.backward(value);
  }
}
