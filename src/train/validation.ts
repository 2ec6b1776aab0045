/** Validation: the held-out loss while training, the best values so far, and early stopping. @module */

import type { Batch } from "../core/batch.ts";
import { evaluate } from "./evaluate.ts";
import { assertCount, type HeldOutLoss, type Trainer } from "./trainer.ts";

/** Options of validation; without held-out batches there is none. */
export interface ValidationOptions<Inputs = never> {
  /**
   * Batches that training never sees. Their loss is measured before the first step, every
   * {@link ValidationOptions.validateEvery} steps and at the end, without dropout; the model ends with
   * the values at which it was lowest, or with those of its last step where training is stopped.
   */
  readonly validation?: readonly Batch<Inputs>[];
  /** Steps from one measurement of the held-out loss to the next. Default 50. */
  readonly validateEvery?: number;
  /** Stops after so many measurements in a row without a held-out loss below the lowest. Default: never. */
  readonly patience?: number;
}

/**
 * Measures the held-out loss of a trainer at regular steps.
 *
 * @throws {RangeError} when `validateEvery` or `patience` is not a positive integer, or there is a
 * patience without held-out batches.
 */
export class Validation<Inputs> {
  readonly #trainer: Trainer<Inputs>;
  readonly #batches: readonly Batch<Inputs>[];
  readonly #every: number;
  readonly #patience: number;

  /** Watches a trainer; without held-out batches it does nothing. */
  constructor(trainer: Trainer<Inputs>, options: ValidationOptions<Inputs>) {
    const { validation = [], validateEvery = 50, patience = Infinity } = options;
    assertCount("validateEvery", validateEvery, 1);
    if (patience !== Infinity) assertCount("patience", patience, 1);
    if (patience !== Infinity && validation.length === 0) {
      throw new RangeError("training with patience needs validation batches, found none");
    }
    this.#trainer = trainer;
    this.#batches = validation;
    this.#every = validateEvery;
    this.#patience = patience;
  }

  /** True if the loss is to be measured in the trainer's present state. */
  get isDue(): boolean {
    const { steps, options, heldOut: { points } } = this.#trainer;
    if (this.#batches.length === 0 || points.at(-1)?.step === steps) return false;
    return steps % this.#every === 0 || steps >= options.steps;
  }

  /** True if as many measurements as the patience allows have followed the lowest. */
  get isExhausted(): boolean {
    const { points, best } = this.#trainer.heldOut;
    // Before any measurement there is no best one, and no point to count.
    return points.filter(({ step }) => step > (best?.step ?? 0)).length >= this.#patience;
  }

  /**
   * Measures the loss and adds it to the curve; where it is the lowest so far, keeps a copy of the trained values on
   * the host, one read of all of them.
   *
   * @throws {RangeError} when the loss is not finite.
   */
  async measure(): Promise<HeldOutLoss> {
    const { model, options, steps: step, heldOut } = this.#trainer;
    const { loss } = await evaluate(model, this.#batches, { loss: options.loss });
    if (!Number.isFinite(loss)) {
      throw new RangeError(
        `training needs a finite held-out loss, found ${loss} after step ${step}`,
      );
    }
    const point = { step, loss };
    heldOut.points.push(point);
    const isLowest = heldOut.best === point;
    if (isLowest) heldOut.bestValues = await model.device.read(...trainedTensors(this.#trainer));
    return point;
  }
}

/**
 * Writes the values at which the held-out loss was lowest into the model. Nothing happens where no loss was measured,
 * or the lowest is that of the last step.
 */
export function restoreBest<Inputs>(trainer: Trainer<Inputs>): void {
  const { steps, heldOut: { bestValues, best } } = trainer;
  if (best === undefined || best.step === steps) return;
  trainedTensors(trainer).forEach((tensor, i) => tensor.device.write(tensor, bestValues[i].data));
}

/** In the order of the optimizer's slots, that of the values that are kept. */
const trainedTensors = <Inputs>({ optimizer }: Trainer<Inputs>) =>
  optimizer.slots.map(({ parameter }) => parameter.tensor);
