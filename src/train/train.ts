/** Training as a stream of events. @module */

import type { ModelInputs } from "../core/batch.ts";
import { type BatchSource, readBatches } from "./batch.ts";
import { type StepEvent, StepRunner, type WatchOptions } from "./step_runner.ts";
import { type TrainableModel, Trainer, type TrainerOptions } from "./trainer.ts";

/** Options of {@link train}. */
export interface TrainOptions<Evaluation = unknown, Inputs = ModelInputs>
  extends TrainerOptions, WatchOptions<Evaluation, Inputs> {
}

/**
 * Trains a model and yields one event per step, in order. Batches are read in order, starting again
 * when they run out.
 *
 * On `webgpu`, losses are read back 16 steps at a time while the next steps run, as waiting for a
 * number costs 10 ms. Leaving the loop ends the training; the parameters keep their values.
 *
 * @throws {RangeError} when an option is out of range, batches run out, or a loss is not finite: the
 * message names the step, counted from 1.
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
 * for await (const { step, loss } of train(model, batches, { learningRate: 1e-2, steps: 3 })) {
 *   console.log(step, loss);
 * }
 * ```
 */
export async function* train<Inputs = ModelInputs, Evaluation = unknown>(
  model: TrainableModel<Inputs>,
  batches: BatchSource<Inputs>,
  options: TrainOptions<Evaluation, Inputs>,
): AsyncGenerator<StepEvent<Evaluation>, void> {
  using trainer = new Trainer(model, options);
  yield* runTrainer(trainer, batches, options);
}

/** Runs a trainer from its current step to its `steps`: {@link train} for an existing trainer. */
export async function* runTrainer<Inputs = ModelInputs, Evaluation = unknown>(
  trainer: Trainer<Inputs>,
  batches: BatchSource<Inputs>,
  options: WatchOptions<Evaluation, Inputs> = {},
): AsyncGenerator<StepEvent<Evaluation>, void> {
  if (options.signal?.aborted) return;
  const reader = readBatches(batches, trainer.steps * trainer.accumulation);
  const runner = new StepRunner(trainer, reader, options);
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
        `training needs a finite ${name}, found ${event[name]} at step ${
          event.step + 1
        } of ${steps}`,
      );
    }
    yield event;
  }
}
