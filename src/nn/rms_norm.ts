/** Normalization by the root mean square, with its parameter. @module */

import { rmsNorm } from "../autograd/mod.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";

/** y = x / √(mean(x²) + ε) · weight. */
export class RmsNorm {
  readonly #weight: Parameter;
  readonly #epsilon: number;

  /** Takes the weight, (width). */
  constructor(weight: Parameter, epsilon: number) {
    this.#weight = weight;
    this.#epsilon = epsilon;
  }

  /** Maps x (tokens, width) to the same shape. */
  forward(tape: Tape, x: Tensor): Tensor {
    return rmsNorm(tape, x, this.#weight, this.#epsilon);
  }
}
