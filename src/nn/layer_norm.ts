/** Layer normalization with its two parameters. @module */

import { layerNorm } from "../autograd/ops/layer_norm.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";

/** y = (x - μ) / √(σ² + ε) · weight + bias. */
export class LayerNorm {
  readonly #weight: Parameter;
  readonly #bias: Parameter;
  readonly #epsilon: number;

  /** Holds its parameters, (width) each. */
  constructor(weight: Parameter, bias: Parameter, epsilon: number) {
    this.#weight = weight;
    this.#bias = bias;
    this.#epsilon = epsilon;
  }

  /** x (tokens, width) to the same. */
  forward(tape: Tape, x: Tensor): Tensor {
    return layerNorm(tape, x, this.#weight, this.#bias, this.#epsilon);
  }
}
