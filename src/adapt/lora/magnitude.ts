/** The products of DoRA with its magnitudes. @module */

import { dotColumns, scaleColumns } from "../../../kernels/column_scaling/kernel.ts";
import { addKernel, scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Weight } from "../../autograd/weight.ts";
import type { Tensor } from "../../device/device.ts";

/** What a change of magnitude is computed from. */
export interface MagnitudeOperands {
  /** The layer's input after dropout, (tokens, in). */
  readonly x: Tensor;
  /** scaling · B A x, (tokens, out). */
  readonly update: Tensor;
  /** W, (out, in), frozen. */
  readonly weight: Weight;
  /** m, (out). */
  readonly magnitude: Parameter;
  /** ‖W + scaling · B A‖ by rows, (out): a constant. */
  readonly norms: Tensor;
}

/** out = y + m / ‖V‖ · z − W x with z = W x + update. */
export function magnitudeChange(tape: Tape, y: Tensor, operands: MagnitudeOperands): Tensor {
  const { x, update, weight, magnitude, norms } = operands, { device } = tape;
  const z = tape.activation(y.shape, "direction"), out = tape.activation(y.shape, "DoRA");
  using base = device.allocate(y.shape, "f32", "scratch", "base output");
  weight.multiply(x, base);
  device.launch(addKernel, { a: base, b: update, out: z }, { size: z.size });
  addScaled(base, out, -1, 0);
  device.launch(scaleColumns, { x: z, ...quotient(operands), y: out }, extents(z, 1));
  addScaled(y, out, 1, 1);
  tape.record(out, [y, x, update, magnitude], (dOut) => {
    const into = tape.contribute(magnitude);
    if (into) {
      const { tensor, accumulate } = into, factors = { a: dOut, b: z, divisors: norms };
      device.launch(dotColumns, { ...factors, y: tensor }, extents(z, accumulate));
    }
    using dz = device.allocate(y.shape, "f32", "scratch", "direction gradient");
    device.launch(scaleColumns, { x: dOut, ...quotient(operands), y: dz }, extents(z, 0));
    tape.pass(update, dz);
    const dx = tape.contribute(x);
    if (dx) {
      addScaled(dOut, dz, -1, 1);
      weight.multiplyTransposed(dz, dx);
    }
    tape.give(y, dOut);
  }, [z, norms]);
  tape.release(z);
  return out;
}

const quotient = ({ magnitude, norms }: MagnitudeOperands) => ({
  factors: magnitude.tensor,
  divisors: norms,
});

const extents = ({ shape: [rows, width] }: Tensor, accumulate: 0 | 1) => ({
  rows,
  width,
  accumulate,
});

function addScaled(x: Tensor, y: Tensor, alpha: number, accumulate: 0 | 1): void {
  const scalars = { size: x.size, xOffset: 0, yOffset: 0, alpha, accumulate };
  x.device.launch(scaleAdd, { x, y }, scalars);
}
