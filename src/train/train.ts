/**
 * Training as a stream of events, with its target, its settings and their defaults, its log and
 * history, and its times.
 *
 * @module
 */

import type { Parameter } from "../autograd/parameter.ts";
import type { Batch, ModelInputs, PromptFormat } from "../core/batch.ts";
import { assertOptions, isRecord, type OptionNames, pickOptions } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { wholeAdapters } from "../core/module_names.ts";
import { grouped } from "../core/numbers.ts";
import { sizeOf } from "../core/tensor.ts";
import type { TrainedKind } from "../core/trained_kind.ts";
import { type BatchSource, readBatches } from "./batch.ts";
import type { ScheduleName } from "./schedule.ts";
import {
  type StepEvent,
  StepRunner,
  type TakeStep,
  watchNames,
  type WatchOptions,
} from "./step_runner.ts";
import {
  assertAllTrainable,
  type HeldOutLoss,
  isHeldOut,
  type StepNumbers,
  type StepRecord,
  type TrainableModel,
  Trainer,
  trainerNames,
  type TrainerOptions,
} from "./trainer.ts";

// Training.

/**
 * A training that runs as its events are asked for: in a `for await` loop, or to its end by
 * {@link Training.finish}. It runs once.
 */
export class Training<Evaluation = unknown> implements AsyncIterable<StepEvent<Evaluation>> {
  /**
   * The target and its number of values:
   * `trains 16,384 values of the adapter, 0.88% of the model's …`.
   */
  readonly description: string;
  /** The numbers of the steps so far. */
  readonly history: History<Evaluation> = new History();
  readonly #events: AsyncGenerator<StepEvent<Evaluation>, void>;

  /** Takes the events; see `train`. */
  constructor(description: string, events: AsyncGenerator<StepEvent<Evaluation>, void>) {
    this.description = description;
    this.#events = recorded(events, this.history);
  }

  /** The events that are left; leaving the loop ends the training. */
  [Symbol.asyncIterator](): AsyncGenerator<StepEvent<Evaluation>, void> {
    return this.#events;
  }

  /**
   * Runs to the end, or until its signal stops it.
   *
   * @throws {RangeError} when batches run out, a loss is not finite, or the first gradients are all zero.
   */
  async finish(): Promise<History<Evaluation>> {
    for await (const _ of this);
    return this.history;
  }
}

async function* recorded<Evaluation>(
  events: AsyncGenerator<StepEvent<Evaluation>, void>,
  history: History<Evaluation>,
): AsyncGenerator<StepEvent<Evaluation>, void> {
  for await (const event of events) {
    history.add(event);
    yield event;
  }
}

const trainNames: OptionNames<TrainOptions> = { ...trainerNames, ...watchNames };

/**
 * Trains a model, or an adapter alone, with one event per step, in order. Batches are read in order,
 * starting again when they run out. It begins with the first event that is asked for.
 *
 * On `webgpu`, losses are read back 16 steps at a time while the next steps run, as waiting for a
 * number costs 10 ms. Leaving the loop ends the training; the parameters keep their values.
 *
 * With a list of batches no option must be given. With held-out batches as `validation`, their loss is
 * measured in between, and what is trained ends with the values at which it was lowest.
 *
 * @param what An adapter on its model: its own parameters are trained, and nothing else. Or a model:
 * everything trainable of it, which is all of it while it has no adapter.
 * @throws {TypeError} when `what` is neither, or an option does not exist.
 * @throws {RangeError} when an adapter was removed from its model, an option is out of range, batches run
 * out, a loss is not finite (the message names the step, counted from 1), or the first gradients are all
 * zero.
 *
 * @example
 * ```ts
 * import { initGpt2, openDevice, parseGpt2Config, train } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * const tokens = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };
 * const batches = [{ inputs: { tokens }, targets: { shape: [1, 3], data: Int32Array.of(2, 3, 4) } }];
 * const training = train(model, batches, { learningRate: 1e-2, steps: 3 });
 * for await (const { step, loss } of training) console.log(step, loss);
 * console.log(training.description, training.history.loss);
 * ```
 */
export function train<Inputs = ModelInputs, Evaluation = unknown>(
  what: TrainableModel<Inputs> | TrainableAdapter<Inputs>,
  batches: BatchSource<Inputs>,
  options: TrainOptions<Evaluation, Inputs> = {},
): Training<Evaluation> {
  return trainBy(alone, what, batches, options);
}

/** The interface that takes the steps of a training. */
export interface Stepper<Inputs> {
  /** Takes a step. */
  readonly takeStep: TakeStep<Inputs>;
  /** Called when the training has ended, however it did. */
  readonly end?: () => void;
}

/** Each by itself. */
const alone = {
  takeStep: <Inputs>(trainer: Trainer<Inputs>, batches: readonly Batch<Inputs>[]) =>
    trainer.step(batches),
};

/** {@link train}, with steps that are taken in some way. */
export function trainBy<Inputs, Evaluation>(
  stepper: Stepper<Inputs>,
  what: TrainableModel<Inputs> | TrainableAdapter<Inputs>,
  batches: BatchSource<Inputs>,
  options: TrainOptions<Evaluation, Inputs>,
): Training<Evaluation> {
  assertOptions("train", options, trainNames);
  const target = targetOf(what), trained = options.groups?.flatMap(({ parameters }) => parameters);
  const settings = settingsOf(target, batches, options);
  const { unappliedDropout = [] } = target.model;
  const description = [describeTarget(target, trained), unappliedDropout].flat().join("; ");
  return new Training(description, stepsOf(stepper, target, batches, settings));
}

async function* stepsOf<Inputs, Evaluation>(
  stepper: Stepper<Inputs>,
  target: Target<Inputs>,
  batches: BatchSource<Inputs>,
  options: Settings<Evaluation, Inputs>,
): AsyncGenerator<StepEvent<Evaluation>, void> {
  using stack = new DisposableStack();
  if (stepper.end) stack.defer(stepper.end);
  stack.defer(freezeOthers(target));
  const { model, adapter } = target, own = adapter && [{ parameters: adapter.parameters }];
  const settings = pickOptions<TrainerOptions>(options, trainerNames);
  const trainer = stack.use(new Trainer(model, { ...settings, groups: settings.groups ?? own }));
  const watch = pickOptions<WatchOptions<Evaluation, Inputs>>(options, watchNames);
  yield* runBy(stepper.takeStep, trainer, batches, watch);
}

/** Runs a trainer from its current step to its `steps`: {@link train} for an existing trainer. */
export async function* runTrainer<Inputs = ModelInputs, Evaluation = unknown>(
  trainer: Trainer<Inputs>,
  batches: BatchSource<Inputs>,
  options: WatchOptions<Evaluation, Inputs> = {},
): AsyncGenerator<StepEvent<Evaluation>, void> {
  yield* runBy(alone.takeStep, trainer, batches, options);
}

async function* runBy<Inputs, Evaluation>(
  takeStep: TakeStep<Inputs>,
  trainer: Trainer<Inputs>,
  batches: BatchSource<Inputs>,
  options: WatchOptions<Evaluation, Inputs>,
): AsyncGenerator<StepEvent<Evaluation>, void> {
  assertOptions("runTrainer", options, watchNames);
  if (options.signal?.aborted) return;
  const reader = readBatches(batches, trainer.steps * trainer.accumulation);
  const runner = new StepRunner(trainer, reader, options, takeStep);
  try {
    await runner.begin();
    while (!runner.ended) yield* checked(await runner.advance(), trainer.options.steps);
  } finally {
    await runner.read().catch(() => {});
    await reader.close();
  }
}

/** Passes events on; throws at a loss or norm that is not finite, and at a first step that nothing is learned from. */
function* checked<E>(events: readonly StepEvent<E>[], steps: number): Generator<StepEvent<E>> {
  for (const event of events) {
    const { step, loss, gradientNorm } = event;
    if (step === 0 && loss !== 0 && gradientNorm === 0) throw new RangeError(noGradient);
    for (const name of ["loss", "gradientNorm"] as const) {
      if (Number.isFinite(event[name])) continue;
      throw new RangeError(
        `training needs a finite ${name === "loss" ? name : "gradient norm"}, found ${
          event[name]
        } at step ${event.step + 1} of ${steps}`,
      );
    }
    yield event;
  }
}

/** The sentence where all gradients are exactly zero though the loss is not: where rewards are all alike, both are. */
const noGradient =
  "training needs a gradient, found 0 for every trained value at step 1: below a new head, which begins as zero, " +
  "nothing is learned unless the head is trained, too (modulesToSave)";

// Its target.

/** The fields of an adapter that `train` needs. */
export interface TrainableAdapter<Inputs = never> {
  /** The model that it is on. */
  readonly model: TrainableModel<Inputs>;
  /** Trained parameters. */
  readonly parameters: readonly Parameter[];
  /** Factor of its changes, if there is one: larger ones need smaller steps. */
  readonly scaling?: number;
  /** Kind of its trained values, where it says so; else their shapes tell it. */
  readonly trains?: TrainedKind;
  /** Format of the prompts of its training. */
  promptFormat?: PromptFormat;
}

/** A model of which some values are trained. */
export interface Target<Inputs> {
  /** The model. */
  readonly model: TrainableModel<Inputs>;
  /** The adapter, if it alone is trained. */
  readonly adapter?: TrainableAdapter<Inputs>;
}

/**
 * The model of what is to be trained.
 *
 * @throws {RangeError} when it is an adapter that is not on its model, or a whole model that is not in F32.
 * @throws {TypeError} when it is neither an adapter nor a model.
 */
export function targetOf<Inputs>(
  what: TrainableModel<Inputs> | TrainableAdapter<Inputs>,
): Target<Inputs> {
  if (isModel(what)) {
    assertAllTrainable(what);
    return { model: what };
  }
  if (!Array.isArray(what?.parameters) || !isModel(what.model)) {
    throw new TypeError(`training needs a model or an adapter, found ${targetKind(what)}`);
  }
  const { model } = what, onModel: Iterable<unknown> = model.adapters ?? [];
  if ([...onModel].includes(what)) return { model, adapter: what };
  throw new RangeError(
    "training needs an adapter that is on its model, found one that was removed: inject it again",
  );
}

const isModel = <Inputs>(
  what: TrainableModel<Inputs> | TrainableAdapter<Inputs>,
): what is TrainableModel<Inputs> => typeof (what as TrainableModel)?.trainable === "function";

const targetKind = (what: unknown) =>
  typeof what === "object" && what ? "another object" : quote(what);

/** The parameters of what is trained. */
const parametersOf = ({ model, adapter }: Target<never>): readonly Parameter[] =>
  adapter?.parameters ?? model.trainable();

/**
 * Freezes the other trainable parameters of the model, until the returned function is called: other
 * adapters would cost gradients that no optimizer uses.
 */
function freezeOthers(target: Target<never>): () => void {
  const trained = new Set(parametersOf(target));
  const others = target.model.trainable().filter((parameter) => !trained.has(parameter));
  const releases = others.map((parameter) => parameter.hold(false));
  return () => releases.forEach((release) => release());
}

/** `trains 16,384 values of the adapter, 0.88% of the model's 1,858,560`. */
function describeTarget(
  target: Target<never>,
  trained: readonly Parameter[] = parametersOf(target),
): string {
  const { model, adapter } = target, total = valuesOf(model);
  const count = trained.reduce((sum, { size }) => sum + size, 0),
    values = `${grouped(count)} values`;
  if (total === 0) return `trains ${values}`;
  const adapters = adapter ? 1 : wholeAdapters(model.adapters).length;
  if (adapters === 0 && count === total) return `trains all ${values} of the model`;
  const share = `${(100 * count / total).toPrecision(2)}%`;
  return `trains ${values}${ownerOf(adapters)}, ${share} of the model's ${grouped(total)}`;
}

function ownerOf(adapters: number): string {
  if (adapters === 0) return "";
  return adapters === 1 ? " of the adapter" : ` of ${adapters} adapters`;
}

/** Number of values of a model, however they are stored, without adapters. */
function valuesOf({ parameters, weights }: TrainableModel<never>): number {
  const own = [...parameters?.values() ?? []].reduce((sum, { size }) => sum + size, 0);
  return [...weights?.values() ?? []].reduce((sum, { shape }) => sum + sizeOf(shape), own);
}

// Its settings.

/** Options of `train`. */
export interface TrainOptions<Evaluation = unknown, Inputs = never>
  extends Omit<TrainerOptions, "steps" | "learningRate">, WatchOptions<Evaluation, Inputs> {
  /**
   * Total number of steps, at which schedules end. Default for a list of batches: ten passes, but at least
   * 200 steps, and of large data at most 1,000 steps or one pass.
   */
  readonly steps?: number;
  /**
   * Size of a step. Default: 1.28 / (width · scaling) for an adapter, a tenth of that for a model, four times that
   * for biases alone, ten times that for other vectors alone (virtual tokens, VeRA's), with a linear schedule.
   */
  readonly learningRate?: number;
}

/** Options in which nothing is left open. */
export type Settings<Evaluation, Inputs> =
  & TrainerOptions
  & WatchOptions<Evaluation, Inputs>;

/**
 * Options with defaults for what they leave open.
 *
 * @throws {TypeError} when there is no number of steps, and no list of batches from which it follows.
 */
export function settingsOf<Evaluation, Inputs>(
  target: Target<Inputs>,
  batches: BatchSource<Inputs>,
  options: TrainOptions<Evaluation, Inputs>,
): Settings<Evaluation, Inputs> {
  const count = Array.isArray(batches) ? batches.length : undefined;
  if (options.steps === undefined && count === undefined) {
    throw new TypeError("training needs steps where its batches are not a list, found none");
  }
  const { steps, learningRate, schedule, validateEvery } = defaultSettings({
    batches: count ?? options.steps!,
    ...scaleOf(target),
  });
  return {
    ...options.learningRate === undefined && { schedule },
    ...count && { validateEvery },
    ...options,
    steps: options.steps ?? steps,
    learningRate: options.learningRate ?? learningRate,
  };
}

/**
 * The facts on which the learning rate depends: the width of the model, and the factor of its
 * adapter's changes.
 */
function scaleOf<Inputs>(target: Target<Inputs>) {
  const width = target.model.linears?.[0]?.weight.shape[1] ?? typicalWidth;
  const scalings = adaptersOf(target).map(({ scaling = 1 }) => scaling);
  return { width, scaling: Math.max(1, ...scalings), trained: saidKind(target) ?? kindOf(target) };
}

/** The adapter, or those of the model. */
const adaptersOf = <Inputs>({ model, adapter }: Target<Inputs>) =>
  adapter ? [adapter] : [...model.adapters ?? []];

/** The kind of trained values that the adapters say, if they train all of them and say the same. */
function saidKind<Inputs>(target: Target<Inputs>): TrainedKind | undefined {
  const adapters = adaptersOf(target), said = new Set(adapters.map(({ trains }) => trains));
  const theirs = new Set(adapters.flatMap(({ parameters }) => parameters));
  const areTheirs = parametersOf(target).every((one) => theirs.has(one));
  return said.size === 1 && areTheirs ? [...said][0] : undefined;
}

/**
 * The kind of trained values by their shapes; an adapter trains weights of the model where it has its top layers.
 */
function kindOf<Inputs>(target: Target<Inputs>): TrainedKind {
  const { model, adapter } = target, trained = parametersOf(target), all = new Set(trained);
  const own = new Set(model.parameters?.values()), areOwn = trained.every((one) => own.has(one));
  const { parameter: tokens } = model.virtualTokens ?? {};
  if (trained.every((one) => one === tokens || one.shape.length === 1)) {
    return areOwn ? "biases" : "vectors";
  }
  const isWeight = ({ weight: { parameter } }: NonNullable<typeof model.linears>[number]) =>
    parameter !== undefined && all.has(parameter);
  const areWeights = areOwn && (adapter === undefined || model.linears?.some(isWeight) === true);
  return areWeights ? "weights" : "matrices";
}

/** The width that is assumed of a model without linear layers. */
const typicalWidth = 256;

// Default settings.

/** Facts on which the settings depend. */
export interface DefaultsFor {
  /** Batches in a pass over the data. */
  readonly batches: number;
  /** Width of the model. */
  readonly width: number;
  /** α / r of an adapter; 1 for full fine-tuning. */
  readonly scaling: number;
  /** Kind of trained values. */
  readonly trained: TrainedKind;
}

/** Settings by their names in the options of a training. */
export interface DefaultSettings {
  /** Ten passes, but at least 200 steps; of large data at most 1,000 steps, or one pass. */
  readonly steps: number;
  /** Falls with the width and the scaling. */
  readonly learningRate: number;
  /** Falls to 0 at the last step. */
  readonly schedule: ScheduleName;
  /** Once a pass, but at most every 10 and at least every 100 steps. */
  readonly validateEvery: number;
}

/**
 * The learning rate times width and scaling. It is 5e-3 for an adapter of scaling 1 on the shipped model of
 * width 256; of four rates that were tried there on two files of texts, 1e-2 did better on both, and the
 * default is half of it, as too small a rate costs steps and too large a one the training. For GPT-2
 * medium of the paper's Table 11 (width 1024, scaling 8) it would be 1.6e-4, where the paper has 2e-4.
 */
const rateTimesWidth = 1.28;

/**
 * Factors of the rate by the kind of trained values. A model's own weights take a tenth.
 *
 * Vectors take ten times an adapter's rate. On the same model and two files, of 5e-3, 2e-2, 5e-2 and 1e-1, 1e-1 was the
 * best or within 1e-3 nats of it with every prefix method on both; this is half of it, for the same reason. VeRA's
 * held-out losses at these and at 3e-1 were 3.21, 0.95, 0.27, 0.17 and 0.16 nats on the one file and 3.89, 3.08, 3.00,
 * 2.91 and 3.10 on the other; in the search of decision 0027 1e-1 was the best of 3e-2, 1e-1 and 3e-1.
 *
 * Biases take four times: of 5e-3, 2e-2, 5e-2, 1e-1 and 3e-1, the held-out losses of BitFit were 0.90, 0.42, 0.31, 0.34
 * and 3.59 nats on the one file and 3.07, 2.95, 3.47 and no better than the base on the other; in the search of decision
 * 0027 1e-2, 3e-2 and 1e-1 gave 3.72, 3.66 and 3.64. Of all of these 2e-2 alone did better than 5e-3 everywhere.
 *
 * With a new head beside them, which has a matrix, they take an adapter's rate: on a model of width 128, where that is
 * 1e-2, the same search found 1e-2 (VeRA 3e-2), the lowest that it tried, and 1e-1 did far worse.
 */
const times: Readonly<Record<TrainedKind, number>> = {
  weights: 0.1,
  matrices: 1,
  biases: 4,
  vectors: 10,
};

/** Settings for a training on some batches. */
export function defaultSettings(
  { batches, width, scaling, trained }: DefaultsFor,
): DefaultSettings {
  const rate = rateTimesWidth / (width * Math.max(1, Math.abs(scaling)));
  return {
    steps: Math.min(Math.max(10 * batches, 200), Math.max(1000, batches)),
    learningRate: Number((times[trained] * rate).toPrecision(2)),
    schedule: "linear",
    validateEvery: Math.min(Math.max(batches, 10), 100),
  };
}

/** Measurements in a row that may bring nothing before a training on texts ends. */
export const defaultPatience = 3;

// Log and history.

/** The numbers of all steps so far, as in `log.json`. */
export interface TrainingLog {
  /** Mean loss before each update, in nats. */
  readonly loss: number[];
  /** Norm of all gradients before clipping. */
  readonly gradientNorm: number[];
  /** Learning rate that the step used. */
  readonly learningRate: number[];
  /** The held-out losses, if they were measured. */
  readonly heldOut?: readonly HeldOutLoss[];
}

/** A log without steps. */
export function emptyLog(): TrainingLog {
  return { loss: [], gradientNorm: [], learningRate: [] };
}

/** Appends a step to a log. */
export function logStep(log: TrainingLog, event: StepRecord & StepNumbers): void {
  log.loss.push(event.loss);
  log.gradientNorm.push(event.gradientNorm);
  log.learningRate.push(event.learningRate);
}

/** True of three lists of finite numbers, equally long, and of held-out losses if there are any. */
export function isLog(value: unknown): value is TrainingLog {
  if (typeof value !== "object" || value === null) return false;
  const { loss, gradientNorm, learningRate, heldOut } = value as Record<string, unknown>;
  return Array.isArray(loss) && (heldOut === undefined || isHeldOut(heldOut)) &&
    [loss, gradientNorm, learningRate].every((list) =>
      Array.isArray(list) && list.length === loss.length && list.every(Number.isFinite)
    );
}

/** The result of an evaluation, and after how many steps. */
export interface EvaluatedStep<Evaluation> {
  /** Completed steps. */
  readonly steps: number;
  /** Result of `evaluate`. */
  readonly evaluation: Evaluation;
}

/** The numbers of the steps of a training, in order; `plot` draws its losses. */
export class History<Evaluation = unknown> implements TrainingLog {
  /** Mean loss before each update, in nats for a cross-entropy. */
  readonly loss: number[];
  /** Norm of all gradients before clipping. */
  readonly gradientNorm: number[];
  /** Learning rate that the step used. */
  readonly learningRate: number[];
  /** Results of `evaluate` during training. */
  readonly evaluations: EvaluatedStep<Evaluation>[] = [];
  /** The held-out losses, the first of them before training; none where they are not measured. */
  readonly heldOut: HeldOutLoss[] = [];
  #stopped = false;

  /** A history without steps. */
  constructor() {
    const { loss, gradientNorm, learningRate } = emptyLog();
    this.loss = loss;
    this.gradientNorm = gradientNorm;
    this.learningRate = learningRate;
  }

  /** Number of steps. */
  get steps(): number {
    return this.loss.length;
  }

  /** True if training was stopped before its end. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** Appends a step. */
  add(event: StepEvent<Evaluation>): void {
    logStep(this, event);
    this.#stopped ||= event.stopped ?? false;
    const { evaluation, step, heldOutBefore, heldOut } = event;
    for (const point of [heldOutBefore, heldOut]) if (point) this.heldOut.push(point);
    if (evaluation !== undefined) this.evaluations.push({ steps: step + 1, evaluation });
  }
}

// Times.

/** The times of a training, as in `times.json`. They are no part of its result: no two trainings have the same. */
export interface TrainingTimes {
  /** Seconds of all calls that it took; compiling, held-out losses and checkpoints included. */
  readonly seconds: number;
  /** Milliseconds of each step, held-out losses not included; the first step of a call also compiles. */
  readonly ms: readonly number[];
}

/** Keeps the times of a training that an earlier call may have begun. */
export class TrainingClock {
  readonly #ms: number[];
  readonly #seconds: number;
  readonly #now: () => number;
  readonly #started: number;

  /** Starts now, after what earlier calls took. */
  constructor(
    { seconds, ms }: TrainingTimes = { seconds: 0, ms: [] },
    now: () => number = () => performance.now(),
  ) {
    this.#seconds = seconds;
    this.#ms = [...ms];
    this.#now = now;
    this.#started = now();
  }

  /** Adds a step that took so many milliseconds. */
  add(ms: number): void {
    this.#ms.push(Number(ms.toFixed(2)));
  }

  /** The times so far. */
  get times(): TrainingTimes {
    const seconds = this.#seconds + (this.#now() - this.#started) / 1000;
    return { seconds: Number(seconds.toFixed(3)), ms: this.#ms };
  }
}

/** True of times of at most so many steps; those that another version has begun lack its steps. */
export function isTimes(value: unknown, steps: number): value is TrainingTimes {
  if (!isRecord(value) || !isTime(value.seconds)) return false;
  return Array.isArray(value.ms) && value.ms.length <= steps && value.ms.every(isTime);
}

const isTime = (value: unknown): boolean => Number.isFinite(value) && value as number >= 0;
