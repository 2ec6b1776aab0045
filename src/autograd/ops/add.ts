/** The sum of two tensors: a residual connection. @module */

import { addKernel } from "../../../kernels/elementwise/kernel.ts";
import { assertShape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import { type Differentiable, valueOf } from "../gradients.ts";
import type { Tape } from "../tape.ts";

/**
 * out = a + b, element by element; the gradient of both is that of out.
 *
 * @throws {ShapeError} when the shapes differ.
 */
export function add(tape: Tape, a: Differentiable, b: Differentiable): Tensor {
  assertShape("the second addend", b.shape, a.shape);
  const out = tape.activation(a.shape, "sum");
  tape.device.launch(addKernel, { a: valueOf(a), b: valueOf(b), out }, { size: out.size });
  return tape.record(out, [a, b], (dOut) => {
    tape.pass(a, dOut);
    tape.give(b, dOut);
  }, []);
}
