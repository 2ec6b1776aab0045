/**
 * Layer normalization and normalization by the root mean square, each with its parameters.
 *
 * @module
 */

import { layerNorm, rmsNorm } from "../autograd/ops/norms.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";

/** y = (x - μ) / √(σ² + ε) · weight + bias. */
export class LayerNorm {
  readonly #weight: Parameter;
  readonly #bias: Parameter;
  readonly #epsilon: number;

  /** Takes the parameters, (width) each. */
  constructor(weight: Parameter, bias: Parameter, epsilon: number) {
    this.#weight = weight;
    this.#bias = bias;
    this.#epsilon = epsilon;
  }

  /** Maps x (tokens, width) to the same shape. */
  forward(tape: Tape, x: Tensor): Tensor {
    return layerNorm(tape, x, this.#weight, this.#bias, this.#epsilon);
  }
}

/** y = x / √(mean(x²) + ε) · weight. */
export class RmsNorm {
  readonly #weight: Parameter;
  readonly #epsilon: number;

  /** Takes the weight, (width). */
  constructor(weight: Parameter, epsilon: number) {
    this.#weight = weight;
    this.#epsilon = epsilon;
  }

  /** Maps x (tokens, heads · width), of one head unless it is said, to the same shape. */
  forward(tape: Tape, x: Tensor, heads = 1): Tensor {
    return rmsNorm(tape, x, this.#weight, this.#epsilon, heads);
  }
}
