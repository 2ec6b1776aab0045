/**
 * The feed-forward half of a transformer block, activations by the names that configurations give
 * them, and the sum with the residual stream.
 *
 * @module
 */

import { gelu, relu, silu, swiglu, tanh } from "../autograd/ops/activations.ts";
import { add } from "../autograd/ops/add.ts";
import { dropoutWithGradient as dropout } from "../autograd/ops/dropout.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import type { Linear } from "./linear.ts";
import type { Norm, Place } from "./place.ts";

// Feed-forward layers.

/** Activation between the two projections. */
export type Activation = (tape: Tape, x: Tensor) => Tensor;

/** down(activation(up(x))), by default with GELU in its tanh form. */
export class Mlp {
  readonly #up: Linear;
  readonly #down: Linear;
  readonly #dropout: number;
  readonly #activation: Activation;

  /** Takes the projections. */
  constructor(up: Linear, down: Linear, dropout: number, activation: Activation = gelu) {
    this.#up = up;
    this.#down = down;
    this.#dropout = dropout;
    this.#activation = activation;
  }

  /** Maps x (tokens, width) to the same shape. */
  forward(tape: Tape, x: Tensor): Tensor {
    return tape.pipe(
      this.#up.forward(tape, x),
      (hidden) => this.#activation(tape, hidden),
      (hidden) => this.#down.forward(tape, hidden),
      (y) => dropout(tape, y, this.#dropout),
    );
  }
}

/** down(silu(gate(x)) · up(x)). */
export class GatedMlp {
  readonly #gate: Linear;
  readonly #up: Linear;
  readonly #down: Linear;

  /** Takes the projections. */
  constructor(gate: Linear, up: Linear, down: Linear) {
    this.#gate = gate;
    this.#up = up;
    this.#down = down;
  }

  /** Maps x (tokens, width) to the same shape. */
  forward(tape: Tape, x: Tensor): Tensor {
    const gate = this.#gate.forward(tape, x), up = this.#up.forward(tape, x);
    const hidden = swiglu(tape, gate, up);
    tape.release(gate, up);
    return tape.pipe(hidden, (hidden) => this.#down.forward(tape, hidden));
  }
}

// Activations by name.

const tanhForm: Activation = (tape, x) => gelu(tape, x);

const activations: Readonly<Record<string, Activation>> = {
  gelu: (tape, x) => gelu(tape, x, { exact: true }),
  gelu_fast: tanhForm,
  gelu_new: tanhForm,
  gelu_pytorch_tanh: tanhForm,
  relu,
  swish: silu,
  tanh,
};

/** The activation of a name that a configuration's check has let through. */
export const activationOf = (name: string): Activation => activations[name];

// Residual stream.

/** a + b, which nothing else reads. */
export function addLast(tape: Tape, a: Tensor, b: Tensor): Tensor {
  const sum = add(tape, a, b);
  tape.release(a, b);
  return sum;
}

/**
 * x + sublayer(norm(read)), of which adapters may change the sublayer's output and the sum at `place`.
 *
 * @param read The input of the sublayer's norm. Default: x; sublayers side by side read the same.
 */
export function residual(
  tape: Tape,
  x: Tensor,
  norm: Norm,
  sublayer: (n: Tensor) => Tensor,
  place: Place,
  read: Tensor = x,
): Tensor {
  const n = norm.forward(tape, read);
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
