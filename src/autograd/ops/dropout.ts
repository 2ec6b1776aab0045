/** Dropout whose mask is never stored: the backward pass draws it again from its seed. @module */

import { dropoutKernel, dropoutThreshold } from "../../../kernels/dropout/kernel.ts";
import { quote } from "../../core/errors.ts";
import type { Tensor } from "../../device/device.ts";
import type { Tape } from "../tape.ts";

/** A mask that is a function of its seed. */
export interface DropoutMask {
  /** Seed of the 32-bit hash. */
  readonly seed: number;
  /** Share of the elements that become zero, in [0, 1). */
  readonly rate: number;
}

/** Throws a `RangeError` that names `what` unless the rate is in [0, 1). */
export function assertDropout(what: string, rate: number): void {
  if (!(rate >= 0 && rate < 1)) {
    throw new RangeError(`${what} must be in [0, 1), found ${quote(rate)}`);
  }
}

/** The next mask of this step; `undefined` if nothing is to be dropped. */
export function drawDropout(tape: Tape, rate: number): DropoutMask | undefined {
  assertDropout("dropout", rate);
  if (rate === 0) return undefined;
  const seed = tape.nextDropoutSeed();
  return seed === undefined ? undefined : { seed, rate };
}

/**
 * y = mask · x / (1 - rate) (Srivastava et al. 2014, inverted form). The backward pass is the same map.
 */
export function dropout(tape: Tape, x: Tensor, mask: DropoutMask): Tensor {
  const y = tape.activation(x.shape, `${x.label} dropped`);
  applyDropout(x, y, mask, 0);
  return y;
}

/**
 * Differentiable dropout, as models apply it to activations. If the tape has no dropout seed, it
 * returns x itself.
 *
 * @throws {RangeError} when the rate is not in [0, 1).
 */
export function dropoutWithGradient(tape: Tape, x: Tensor, rate: number): Tensor {
  const mask = drawDropout(tape, rate);
  if (!mask) return x;
  return tape.record(dropout(tape, x, mask), [x], (dy) => {
    const into = tape.contribute(x);
    if (into) applyDropout(dy, into.tensor, mask, into.accumulate);
  }, []);
}

/** to = (accumulate ? to : 0) + mask · from / (1 - rate). */
export function applyDropout(
  from: Tensor,
  to: Tensor,
  { seed, rate }: DropoutMask,
  accumulate: 0 | 1,
): void {
  from.device.launch(dropoutKernel, { x: from, y: to }, {
    size: from.size,
    seed,
    threshold: dropoutThreshold(rate),
    keepScale: 1 / (1 - rate),
    accumulate,
  });
}
