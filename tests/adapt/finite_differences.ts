/**
 * Gradients of what is trained on a model, compared with finite differences.
 *
 * @module
 */

import { assert } from "@std/assert";
import { type Parameter, Tape } from "../../src/autograd/mod.ts";
import { Random } from "../../src/core/random.ts";
import type { Model } from "../../src/models/mod.ts";
import { lossOf, valuesOf } from "./fixtures.ts";

/** Compares some places of each parameter's gradient; the model is on the `reference` device. */
export async function assertGradients(
  model: Model,
  parameters: readonly Parameter[],
): Promise<void> {
  const { device } = model, random = new Random(9), step = 1e-5;
  const newTape = () => new Tape(device, { dropoutSeed: 5 });
  const lossNow = async () => {
    using tape = newTape();
    return (await valuesOf(lossOf(tape, model)))[0];
  };
  using tape = newTape();
  tape.backward(lossOf(tape, model));
  for (const parameter of parameters) {
    const gradient = await valuesOf(tape.gradientOf(parameter)!);
    const values = await valuesOf(parameter.tensor);
    for (let trial = 0; trial < 4; trial++) {
      const at = random.integer(parameter.size), original = values[at];
      const shifted = async (by: number) => {
        values[at] = original + by;
        device.write(parameter.tensor, values);
        return await lossNow();
      };
      const slope = (await shifted(step) - await shifted(-step)) / (2 * step);
      await shifted(0);
      // Central differences err by step² · f''' and by rounding eps / step, both below 1e-8 here.
      const error = Math.abs(slope - gradient[at]);
      assert(error < 1e-8, `${parameter.name}[${at}]: ${gradient[at]} against ${slope}`);
    }
  }
}
