/** Training as a stream of events. @module */

import type { Batch, ModelInputs } from "../core/batch.ts";
import { assertOptions, type OptionNames, pickOptions } from "../core/options.ts";
import { type BatchSource, readBatches } from "./batch.ts";
import {
  type StepEvent,
  StepRunner,
  type TakeStep,
  watchNames,
  type WatchOptions,
} from "./step_runner.ts";
import {
  describeTarget,
  freezeOthers,
  type Target,
  targetOf,
  type TrainableAdapter,
} from "./target.ts";
import { type Settings, settingsOf, type TrainOptions } from "./settings.ts";
import type { TrainableModel } from "./trainable_model.ts";
import { Trainer } from "./trainer.ts";
import { trainerNames, type TrainerOptions } from "./trainer_options.ts";
import { Training } from "./training.ts";

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
 * out, or a loss is not finite: the message names the step, counted from 1.
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

/** How the steps of a training are taken. */
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

/** Passes events on; throws at a loss or norm that is not finite. */
function* checked<E>(events: readonly StepEvent<E>[], steps: number): Generator<StepEvent<E>> {
  for (const event of events) {
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
