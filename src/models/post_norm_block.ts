/** A block of encoders in BERT's arrangement and with its names. @module */

import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import type { LayerNorm } from "../nn/layer_norm.ts";
import { type Activation, Mlp } from "../nn/mlp.ts";
import type { Place } from "../nn/place.ts";
import { normalizedResidual } from "../nn/residual.ts";
import type { ModelLayers } from "./model_layers.ts";

/** Maps x (batch · time, width) to the same shape, in a batch of sequences. */
type Attention<Context> = (tape: Tape, x: Tensor, context: Context) => Tensor;

/** What a block is made with, besides its attention. */
export interface PostNormSizes {
  /** Width of the states. */
  readonly width: number;
  /** ε of the norms. */
  readonly epsilon: number;
  /** Rate of dropout on what the block adds. */
  readonly dropout: number;
}

/** x = norm(x + attention(x)), then x = norm(x + mlp(x)). */
export class PostNormBlock<Context> {
  readonly #attention: Attention<Context>;
  readonly #afterAttention: Place;
  readonly #norm1: LayerNorm;
  readonly #mlp: Mlp;
  readonly #afterMlp: Place;
  readonly #norm2: LayerNorm;

  /** Takes the attention, whose layers come first in the model, and makes the others below the path `at`. */
  constructor(
    layers: ModelLayers,
    at: string,
    { width, epsilon, dropout }: PostNormSizes,
    activation: Activation,
    attention: Attention<Context>,
  ) {
    this.#attention = attention;
    this.#afterAttention = layers.place(`${at}.attention.output`, width, "attention");
    this.#norm1 = layers.norm(`${at}.attention.output.LayerNorm`, epsilon);
    const [up, down] = ["intermediate", "output"].map((name) =>
      layers.linear(`${at}.${name}.dense`)
    );
    this.#mlp = new Mlp(up, down, dropout, activation);
    this.#afterMlp = layers.place(`${at}.output`, width, "mlp");
    this.#norm2 = layers.norm(`${at}.output.LayerNorm`, epsilon);
  }

  /** Its two halves, which map x (batch · time, width) to the same shape, one after the other. */
  sublayers(tape: Tape, context: Context): [(x: Tensor) => Tensor, (x: Tensor) => Tensor] {
    const attention = (x: Tensor) => this.#attention(tape, x, context);
    const mlp = (x: Tensor) => this.#mlp.forward(tape, x);
    return [
      (x) => normalizedResidual(tape, x, this.#norm1, attention, this.#afterAttention),
      (x) => normalizedResidual(tape, x, this.#norm2, mlp, this.#afterMlp),
    ];
  }
}
