/**
 * Gradients of what is trained on a model, compared with finite differences.
 *
 * @module
 */

import { assert } from "@std/assert";
import { type Parameter, Tape } from "../../src/autograd/mod.ts";
import { Random } from "../../src/core/random.ts";
import type { Device, Tensor } from "../../src/device/device.ts";

/**
 * Compares the gradient of each parameter with differences of the loss along a random direction, on which every
 * value of the parameter tells; the device is `reference`.
 */
export async function assertGradients(
  device: Device,
  parameters: readonly Parameter[],
  lossOn: (tape: Tape) => Tensor,
): Promise<void> {
  const random = new Random(9), newTape = () => new Tape(device, { dropoutSeed: 5 });
  using tape = newTape();
  tape.backward(lossOn(tape));
  for (const parameter of parameters) {
    const { name, tensor } = parameter;
    const [gradient, { data }] = await device.read(tape.gradientOf(parameter)!, tensor);
    const direction = unitVector(random, data.length);
    const lossAt = async (distance: number) => {
      device.write(tensor, data.map((value, i) => value + distance * direction[i]));
      using other = newTape();
      return (await device.read(lossOn(other)))[0].data[0];
    };
    const slope = await slopeAtZero(lossAt);
    device.write(tensor, data);
    const found = direction.reduce((sum, value, i) => sum + value * gradient.data[i], 0);
    // The differences err by step⁴ times the fifth derivative and by rounding eps / step, both below 1e-8.
    assert(Math.abs(slope - found) < 1e-8, `${name}: ${found} against ${slope}`);
  }
}

/** The derivative of a function at 0 from differences over one step and two. */
async function slopeAtZero(valueAt: (x: number) => Promise<number>, step = 1e-5): Promise<number> {
  const difference = async (by: number) => await valueAt(by) - await valueAt(-by);
  return (8 * await difference(step) - await difference(2 * step)) / (12 * step);
}

/** A random direction of length 1. */
function unitVector(random: Random, size: number): Float64Array {
  const values = Float64Array.from({ length: size }, () => random.normal());
  const length = Math.hypot(...values);
  return values.map((value) => value / length);
}
