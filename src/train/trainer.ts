/** The trainer: steps of any model that says what is trainable. @module */

import type { Parameter } from "../autograd/parameter.ts";
import { Tape } from "../autograd/tape.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { hash32 } from "../core/random.ts";
import type { CompileReport, Device } from "../device/device.ts";
import type { Tensor } from "../device/tensor.ts";
import { type AdamW, adamW } from "./adamw.ts";
import type { AdamWOptions, ParameterGroup } from "./adamw_options.ts";
import type { Batch } from "./batch.ts";
import { type Objective, type ObjectiveName, objectiveOf } from "./objective.ts";
import { StepRing } from "./step_ring.ts";
import { type Schedule, type ScheduleName, scheduleOf } from "./schedule.ts";

/** What the trainer asks of a model. */
export interface TrainableModel {
  /** Where it lives. */
  readonly device: Device;
  /** Whatever is to be trained. */
  trainable(): Parameter[];
  /** Tokens (batch, time) to logits (batch · time, vocabulary). */
  forward(
    tape: Tape,
    tokens: HostTensor,
    options?: Pick<Batch, "attentionMask" | "positionIds">,
  ): Tensor;
}

/** How a trainer steps. */
export interface TrainerOptions extends AdamWOptions {
  /** Steps in all: where schedules end. */
  readonly steps: number;
  /** Seed of the dropout masks. Default 0. */
  readonly seed?: number;
  /** How the learning rate changes: a name or a function. Default `constant`. */
  readonly schedule?: ScheduleName | Schedule;
  /** Steps from rate 0 up to the learning rate, for a schedule that is a name. Default 0. */
  readonly warmupSteps?: number;
  /** Factor that a schedule with a name descends to. Default 0. */
  readonly floor?: number;
  /** Batches of one step; the loss is the mean over the labels of all of them. Default 1. */
  readonly accumulation?: number;
  /** What is lowered. Default `cross-entropy`. */
  readonly objective?: ObjectiveName;
  /** Share of each target that is spread evenly over the vocabulary. Default 0. */
  readonly labelSmoothing?: number;
  /** Parameters with settings of their own. Default: all that are trainable, in one group. */
  readonly groups?: readonly ParameterGroup[];
}

/** What is known of a step as soon as it was handed to the device. */
export interface StepRecord {
  /** The step, counted from 0. */
  readonly step: number;
  /** The learning rate that it used. */
  readonly learningRate: number;
  /** Tokens that went in. */
  readonly tokens: number;
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
 * const inputs = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };
 * trainer.step([{ inputs, targets: { shape: [1, 3], data: Int32Array.of(2, 3, 4) } }]);
 * console.log((await trainer.ring.read(1))[0].loss);
 * ```
 */
export class Trainer implements Disposable {
  /** What is trained. */
  readonly model: TrainableModel;
  /** How. */
  readonly options: TrainerOptions;
  /** Its gradients, moments and count of steps. */
  readonly optimizer: AdamW;
  /** Losses and norms of the latest steps. */
  readonly ring: StepRing;
  /** Batches of one step. */
  readonly accumulation: number;
  readonly #schedule: Schedule;
  readonly #objective: Objective;

  /**
   * Makes the optimizer's buffers.
   *
   * @throws {RangeError} when an option is out of range or nothing is trainable.
   */
  constructor(model: TrainableModel, options: TrainerOptions) {
    const { schedule = "constant", accumulation = 1, steps } = options;
    assertCount("steps", steps, 0);
    assertCount("accumulation", accumulation, 1);
    this.model = model;
    this.options = options;
    this.accumulation = accumulation;
    this.#schedule = typeof schedule === "function" ? schedule : scheduleOf(schedule, options);
    this.#objective = objectiveOf(options.objective);
    using unfinished = new DisposableStack();
    this.optimizer = unfinished.use(adamW(options.groups ?? model.trainable(), options));
    this.ring = new StepRing(model.device);
    unfinished.move();
  }

  /** Steps done. */
  get steps(): number {
    return this.optimizer.steps;
  }

  /**
   * One step on the mean loss over the labels (or rows) of all batches, then one submit.
   *
   * @throws {RangeError} when there are not {@link Trainer.accumulation} batches, or no label counts.
   * @throws {ShapeError} when targets do not fit their inputs.
   */
  step(batches: readonly Batch[]): StepRecord {
    const step = this.steps, { device } = this.model;
    batches.forEach(this.#objective.assertBatch);
    this.#assertCount(batches.length);
    const counted = batches.reduce((sum, batch) => sum + this.#objective.count(batch), 0);
    this.#accumulate(batches, counted);
    this.optimizer.learningRate = this.options.learningRate * this.#schedule(step);
    const { learningRate } = this.optimizer;
    this.optimizer.step();
    this.ring.finish(step, this.optimizer.norm);
    device.submit();
    const tokens = batches.reduce((sum, { inputs }) => sum + inputs.data.length, 0);
    return { step, learningRate, tokens };
  }

  /**
   * Compiles what steps on batches of these shapes launch, and changes nothing: a first step that compiles
   * as it goes takes seconds on a software adapter whose cache is empty. Only `webgpu` has anything to do.
   *
   * @param report Told how many programs are ready, of how many.
   */
  async compile(batches: readonly Batch[], report?: CompileReport): Promise<void> {
    const { steps } = this;
    await this.model.device.compile(() => void this.step(batches), report);
    this.optimizer.resumeAt(steps);
  }

  /** Frees the optimizer; what was trained stays. */
  [Symbol.dispose](): void {
    this.ring[Symbol.dispose]();
    this.optimizer[Symbol.dispose]();
  }

  /** Dropout is seeded by the number of the batch: another count would draw masks twice. */
  #assertCount(count: number): void {
    if (count === this.accumulation) return;
    throw new RangeError(
      `a step needs ${this.accumulation} batches (accumulation), found ${count || "none"}`,
    );
  }

  #accumulate(batches: readonly Batch[], divisor: number): void {
    try {
      batches.forEach((batch, i) => this.#addGradients(batch, i, divisor));
    } catch (error) {
      this.optimizer.discard();
      throw error;
    }
  }

  #addGradients(batch: Batch, index: number, divisor: number): void {
    const { seed = 0, labelSmoothing: smoothing } = this.options;
    // From 1 on: seed 0 hashes index 0 to 0, a mask's seed that would hash its own index 0 to 0.
    const dropoutSeed = hash32(seed, this.steps * this.accumulation + index + 1);
    using tape = new Tape(this.model.device, { dropoutSeed });
    const outputs = this.model.forward(tape, batch.inputs, batch);
    const loss = this.#objective.loss(tape, outputs, batch, { smoothing, divisor });
    tape.backward(loss);
    this.ring.addLoss(this.steps, loss, index > 0);
  }
}

function assertCount(name: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least) {
    throw new RangeError(
      `training needs ${name} to be a whole number from ${least} on, found ${value}`,
    );
  }
}
