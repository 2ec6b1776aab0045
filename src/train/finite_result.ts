/** Whether training has left a model that computes numbers. @module */

import { nonFiniteAt } from "../core/host_tensor.ts";
import { evaluate } from "./evaluate.ts";
import type { Trainer } from "./trainer.ts";

/**
 * Checks what the last update has made, as the losses of steps are those before their updates: every
 * trained value must be finite, and so must the loss of the latest step's batches. Costs one read of the
 * trained parameters, and one forward pass for each of those batches.
 *
 * @throws {RangeError} when a value or the loss is not finite.
 */
export async function assertFiniteResult<Inputs>(trainer: Trainer<Inputs>): Promise<void> {
  const { model, latest, steps, options: { loss } } = trainer;
  const fail = (what: string, found: number) => {
    throw new RangeError(`training needs a finite ${what}, found ${found} after step ${steps}`);
  };
  const trained = model.trainable();
  const values = await model.device.read(...trained.map(({ tensor }) => tensor));
  for (const [i, { data }] of values.entries()) {
    const at = nonFiniteAt(data);
    if (at >= 0) fail(trained[i].name, data[at]);
  }
  if (latest.length === 0) return;
  const { loss: found } = await evaluate(model, latest, { loss });
  if (!Number.isFinite(found)) fail("loss", found);
}

/** Whether a training ended because a loss, a gradient or a trained value was not finite. */
export const isDiverged = (error: unknown): error is RangeError =>
  error instanceof RangeError && error.message.startsWith("training needs a finite ");
