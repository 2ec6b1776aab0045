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
