/**
 * Gradients of what is trained on a model, compared with finite differences.
 *
 * @module
 */

import { assert } from "@std/assert";
import { type Parameter, Tape } from "../../src/autograd/mod.ts";
import { Random } from "../../src/core/random.ts";
import type { Device, Tensor } from "../../src/device/device.ts";

/** Compares some places of each parameter's gradient of a loss; the device is `reference`. */
export async function assertGradients(
  device: Device,
  parameters: readonly Parameter[],
  lossOn: (tape: Tape) => Tensor,
): Promise<void> {
  const random = new Random(9), step = 1e-5;
  const newTape = () => new Tape(device, { dropoutSeed: 5 });
  const lossNow = async () => {
    using tape = newTape();
    return (await device.read(lossOn(tape)))[0].data[0];
  };
  using tape = newTape();
  tape.backward(lossOn(tape));
  for (const parameter of parameters) {
    const [gradient, { data }] = await device.read(tape.gradientOf(parameter)!, parameter.tensor);
    for (let trial = 0; trial < 4; trial++) {
      const at = random.integer(parameter.size), original = data[at], found = gradient.data[at];
      const shifted = async (by: number) => {
        data[at] = original + by;
        device.write(parameter.tensor, data);
        return await lossNow();
      };
      const difference = async (by: number) => await shifted(by) - await shifted(-by);
      const slope = (8 * await difference(step) - await difference(2 * step)) / (12 * step);
      await shifted(0);
      // The differences err by step⁴ times the fifth derivative and by rounding eps / step, both below 1e-8.
      assert(Math.abs(slope - found) < 1e-8, `${parameter.name}[${at}]: ${found} against ${slope}`);
    }
  }
}
