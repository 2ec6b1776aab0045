/** What a block adds to the residual stream. @module */

import { add } from "../autograd/mod.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import type { Norm, Place } from "./place.ts";

/** a + b, which nothing else reads. */
export function addLast(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const sum = add(tape, a, b);
  tape.release(a, b);
  return sum;
}

/** x + sublayer(norm(x)), of which adapters may change the sublayer's output and the sum at `place`. */
export function residual(
  tape: Tape,
  x: Tensor,
  norm: Norm,
  sublayer: (n: Tensor) => Tensor,
  place: Place,
): Tensor {
  const n = norm.forward(tape, x);
  const y = place.forward(tape, n, sublayer(n));
  const sum = add(tape, x, y);
  tape.release(n, y);
  return place.forwardSum(tape, sum);
}

/** norm(x + sublayer(x)), of which adapters may change the sublayer's output and the sum at `place`. */
export function normalizedResidual(
  tape: Tape,
  x: Tensor,
  norm: Norm,
  sublayer: (x: Tensor) => Tensor,
  place: Place,
): Tensor {
  const y = place.forward(tape, x, sublayer(x)), added = add(tape, x, y);
  tape.release(y);
  const sum = place.forwardSum(tape, added, norm), out = norm.forward(tape, sum);
  tape.release(sum);
  return out;
}
