/** The feed-forward half of a transformer block. @module */

import { dropout, gelu } from "../autograd/mod.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import type { Linear } from "./linear.ts";

/** down(gelu(up(x))). */
export class Mlp {
  readonly #up: Linear;
  readonly #down: Linear;
  readonly #dropout: number;

  /** Takes the projections. */
  constructor(up: Linear, down: Linear, dropout: number) {
    this.#up = up;
    this.#down = down;
    this.#dropout = dropout;
  }

  /** Maps x (tokens, width) to the same shape. */
  forward(tape: Tape, x: Tensor): Tensor {
    return tape.pipe(
      this.#up.forward(tape, x),
      (hidden) => gelu(tape, hidden),
      (hidden) => this.#down.forward(tape, hidden),
      (y) => dropout(tape, y, this.#dropout),
    );
  }
}
