/** Training as a stream of progress. @module */

import { type BatchSource, readBatches } from "./batch.ts";
import { type Progress, StepRunner, type WatchOptions } from "./step_runner.ts";
import { type TrainableModel, Trainer, type TrainerOptions } from "./trainer.ts";

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
 * message names the step, counted from 1.
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
  const runner = new StepRunner(trainer, reader, options);
  try {
    while (!runner.ended) yield* checked(await runner.advance(), trainer.options.steps);
  } finally {
    await runner.land().catch(() => {});
    await reader.close();
  }
}

/** Passes events on up to one whose numbers are of no use. */
function* checked<E>(events: readonly Progress<E>[], steps: number): Generator<Progress<E>> {
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
