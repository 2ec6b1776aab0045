/** The feed-forward half of a transformer block. @module */

import { dropout, gelu, swiglu } from "../autograd/mod.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import type { Linear } from "./linear.ts";

/** What stands between the two projections. */
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
