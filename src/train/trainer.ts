/**
 * The trainer: steps any model that names its trainable parameters. After it come the ring of
 * losses and norms on the device, so that steps do not wait for numbers to be read, and the losses
 * on held-out batches.
 *
 * @module
 */

import { scaleAdd } from "../../kernels/elementwise/kernel.ts";
import { type ForwardModel, type Loss, lossOfBatch } from "../autograd/loss.ts";
import { crossEntropy } from "../autograd/ops/losses.ts";
import type { Parameter } from "../autograd/parameter.ts";
import { Tape } from "../autograd/tape.ts";
import type { Weight } from "../autograd/weight.ts";
import { type Batch, countTargets, type ModelInputs, type PromptFormat } from "../core/batch.ts";
import { assertOptions, isRecord, type OptionNames, pickOptions } from "../core/checks.ts";
import { about, quote } from "../core/errors.ts";
import { mostAccumulation } from "../core/limits.ts";
import { assertSeed, hash32 } from "../core/random.ts";
import type { HostTensor } from "../core/tensor.ts";
import type { TrainedKind } from "../core/trained_kind.ts";
import { zero } from "../device/base.ts";
import type { CompileReport, Device, Tensor } from "../device/device.ts";
import { type AdamW, adamW, adamWNames, type AdamWOptions, type ParameterGroup } from "./adamw.ts";
import { assertBatch } from "./batch.ts";
import {
  type Schedule,
  type ScheduleName,
  scheduleNames,
  scheduleOf,
  type ScheduleOptions,
} from "./schedule.ts";

// The trainer.

/** The interface of a model that can be trained. */
export interface TrainableModel<Inputs = ModelInputs> extends ForwardModel<Inputs> {
  /** The device that holds it. */
  readonly device: Device;
  /** Its own parameters by name: a checkpoint checks those that are frozen. */
  readonly parameters?: ReadonlyMap<string, Parameter>;
  /** Its linear layers: the usual learning rate depends on their width. */
  readonly linears?: readonly { readonly weight: Pick<Weight, "shape" | "parameter"> }[];
  /** The virtual tokens before its sequences: the usual learning rate of vectors alone is another. */
  readonly virtualTokens?: { readonly parameter: Parameter | undefined };
  /** Its weights that cannot be trained, by name: a checkpoint checks them as well. */
  readonly weights?: ReadonlyMap<string, Weight>;
  /** The adapters in force: those that are trained remember the format of their prompts. */
  readonly adapters?: Iterable<{
    readonly parameters: readonly Parameter[];
    readonly parts?: readonly unknown[];
    readonly scaling?: number;
    readonly trains?: TrainedKind;
    values?: { file?: string };
    promptFormat?: PromptFormat;
  }>;
  /** Format of the prompts of its own training; set by a training on batches that say it. */
  promptFormat?: PromptFormat;
  /** The parameters to train. */
  trainable(): Parameter[];
  /**
   * The dropout that its configuration asks for and training does not apply, in a sentence;
   * undefined if nothing.
   */
  readonly unappliedDropout?: string;
}

/**
 * Asserts that all of a model can be trained, where all of it is to be.
 *
 * @throws {RangeError} when a part cannot be.
 */
export function assertAllTrainable(
  { parameters, weights, adapters = [] }: TrainableModel<never>,
): void {
  const others = [...weights?.values() ?? []], own = [...parameters?.values() ?? []];
  if (others.length === 0 || [...adapters].length > 0) return;
  if (own.some(({ trainable }) => !trainable)) return; // Somebody has chosen what is trained.
  const load = "load it with dtype F32", inject = "inject an adapter";
  const sentence =
    `training a whole model needs all of it in F32, found ${others.length} weights in ${
      others[0].bits
    } bits (${others[0].name}, …): ${load}, or ${inject}`;
  throw about(
    new RangeError(sentence),
    { option: "dtype", value: "F32", words: load },
    { option: "adapter", words: inject },
  );
}

/** Options of a trainer. */
export interface TrainerOptions extends AdamWOptions {
  /** Total number of steps, at which schedules end. */
  readonly steps: number;
  /** Seed of the dropout masks. Default 0. */
  readonly seed?: number;
  /** Schedule of the learning rate: a name or a function. Default `constant`. */
  readonly schedule?: ScheduleName | Schedule;
  /** Steps from rate 0 up to the learning rate, for a named schedule. Default 0. */
  readonly warmupSteps?: number;
  /** Factor that a named schedule decays to. Default 0. */
  readonly floor?: number;
  /** Batches per step; the loss is the mean over the labels of all of them. Default 1. */
  readonly accumulation?: number;
  /**
   * True if the blocks of a model keep only what they read, and are computed once more for the
   * backward pass: the same gradients with fewer bytes, and a forward pass more in each step.
   * Default false.
   */
  readonly activationCheckpointing?: boolean;
  /** Loss to minimize. Default: `crossEntropy`, with the next tokens or classes as targets. */
  readonly loss?: Loss;
  /** The only one that trains; `optimizerBytes` of `@lowrank/core/accounting` counts others. Default `adamw`. */
  readonly optimizer?: "adamw";
  /** Parameters with their own settings. Default: all trainable parameters, in one group. */
  readonly groups?: readonly ParameterGroup[];
}

/** The names of {@link TrainerOptions}. */
export const trainerNames: OptionNames<TrainerOptions> = {
  ...adamWNames,
  ...scheduleNames,
  seed: true,
  schedule: true,
  accumulation: true,
  activationCheckpointing: true,
  loss: true,
  optimizer: true,
  groups: true,
};

/** Names of the optimizers that a training can have. */
export const trainingOptimizers: readonly NonNullable<TrainerOptions["optimizer"]>[] = ["adamw"];

/** Throws a RangeError unless there is an optimizer of that name. */
function assertOptimizer(name: NonNullable<TrainerOptions["optimizer"]>): void {
  if (trainingOptimizers.includes(name)) return;
  const known = trainingOptimizers.join(" or ");
  throw new RangeError(`the optimizer of a training must be ${known}, found ${quote(name)}`);
}

/** Throws a RangeError unless an option is an integer of this range. */
export function assertCount(name: string, value: number, least: number, most = Infinity): void {
  if (Number.isSafeInteger(value) && value >= least && value <= most) return;
  const range = most === Infinity ? `of at least ${least}` : `from ${least} to ${most}`;
  throw new RangeError(`training needs ${name} to be an integer ${range}, found ${quote(value)}`);
}

/** Facts about a step that are known as soon as it is submitted to the device. */
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
  /** Its options. */
  readonly options: TrainerOptions;
  /** Its gradients, moments and count of steps. */
  readonly optimizer: AdamW;
  /** Losses and norms of the latest steps. */
  readonly ring: StepRing;
  /** Loss to minimize. */
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
    this.optimizer = unfinished.use(
      adamW(options.groups ?? model.trainable(), pickOptions<AdamWOptions>(options, adamWNames)),
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
   * Compiles the kernels of steps on batches of these shapes, without changing anything. Otherwise
   * the first step compiles as it runs, which takes seconds on a software adapter with an empty
   * cache. Does nothing on devices other than `webgpu`.
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

// Losses of steps.

/** Numbers computed by a step. */
export interface StepNumbers {
  /** Mean loss over counted labels, before the update, in nats. */
  readonly loss: number;
  /** Norm of all gradients before clipping. */
  readonly gradientNorm: number;
}

/** The losses and norms of the latest steps; one read returns many. */
export class StepRing implements Disposable {
  /** Number of steps that it holds. */
  static readonly capacity = 32;
  /** The step after the last finished one; a rehearsal resets it. */
  next = 0;
  readonly #values: Tensor;

  /** Allocates 256 bytes of role `scratch`. */
  constructor(device: Device) {
    this.#values = device.allocate([StepRing.capacity, 2], "f32", "scratch", "losses and norms");
    zero(this.#values);
  }

  /** Writes a step's loss, or adds to it. */
  addLoss(step: number, loss: Tensor, accumulate: boolean): void {
    this.#put(loss, 2 * (step % StepRing.capacity), accumulate);
  }

  /** Finishes a step, with its gradient norm if it has one. */
  finish(step: number, norm?: Tensor): void {
    if (norm) this.#put(norm, 2 * (step % StepRing.capacity) + 1, false);
    this.next = step + 1;
  }

  /**
   * Reads the losses and norms of the last `count` steps, oldest first. Later launches may overwrite
   * them at once.
   *
   * @throws {RangeError} when it does not hold that many.
   */
  async read(count: number): Promise<StepNumbers[]> {
    const first = this.next - count;
    if (count > StepRing.capacity || first < 0) {
      throw new RangeError(
        `reading losses needs a count up to ${
          Math.min(StepRing.capacity, this.next)
        }, found ${count}`,
      );
    }
    if (count === 0) return [];
    const [{ data }] = await this.#values.device.read(this.#values);
    return Array.from({ length: count }, (_, i) => {
      const at = 2 * ((first + i) % StepRing.capacity);
      return { loss: data[at], gradientNorm: data[at + 1] };
    });
  }

  /** Frees its tensor. */
  [Symbol.dispose](): void {
    this.#values[Symbol.dispose]();
  }

  #put(value: Tensor, yOffset: number, accumulate: boolean): void {
    const scalars = { size: 1, xOffset: 0, yOffset, alpha: 1, accumulate: Number(accumulate) };
    value.device.launch(scaleAdd, { x: value, y: this.#values }, scalars);
  }
}

// Losses on held-out batches.

/** A point of the held-out curve. */
export interface HeldOutLoss {
  /** Completed steps; 0 is before training. */
  readonly step: number;
  /** Mean loss over the targets of all held-out batches, in nats for a cross-entropy. */
  readonly loss: number;
}

/** A trainer's losses on held-out batches; a checkpoint keeps them. */
export class HeldOutCurve {
  /** All measurements, in order. */
  readonly points: HeldOutLoss[] = [];
  /** The trained values at the lowest point, in the order of the optimizer's slots. */
  bestValues: readonly HostTensor[] = [];

  /** The lowest point; of equal ones the first. */
  get best(): HeldOutLoss | undefined {
    const { points } = this;
    return points.length === 0 ? undefined : points.reduce((a, b) => b.loss < a.loss ? b : a);
  }
}

/** True of a list of one or more measurements. */
export function isHeldOut(value: unknown): value is HeldOutLoss[] {
  return Array.isArray(value) && value.length > 0 && value.every(isPoint);
}

const isPoint = (value: unknown): value is HeldOutLoss =>
  isRecord(value) && Number.isSafeInteger(value.step) && Number.isFinite(value.loss);
