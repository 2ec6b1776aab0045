/** Named places in a transformer block where an adapter may change the activations. @module */

import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import type { Adaptation } from "./linear.ts";

/** The halves of a block. */
export type Sublayer = "attention" | "mlp";

/** Maps (tokens, width) to the same shape. */
export interface Norm {
  /** The normalized rows of x. */
  forward(tape: Tape, x: Tensor): Tensor;
}

/** A place after a sublayer: its output, and the residual stream to which it is added. Does nothing by itself. */
export class Place {
  /** The sublayer's name, such as `transformer.h.0.attn`. */
  readonly name: string;
  /** Width of the activations. */
  readonly width: number;
  /** Half of its block that it follows. */
  readonly sublayer: Sublayer;
  /** The adaptations of the sublayer's output, in the order in which they are applied. */
  readonly adaptations: Adaptation[] = [];
  /** The adaptations of the sum of the residual stream and the output. */
  readonly sum: { readonly adaptations: Adaptation[] } = { adaptations: [] };

  /** Names a place. */
  constructor(name: string, width: number, sublayer: Sublayer) {
    this.name = name;
    this.width = width;
    this.sublayer = sublayer;
  }

  /**
   * Computes the adapted output from the sublayer's input x and its output y, (tokens, width) each;
   * y is released if there is a new one.
   */
  forward(tape: Tape, x: Tensor, y: Tensor): Tensor {
    const adapted = this.adaptations.map((adaptation) => (y: Tensor) =>
      adaptation.forward(tape, x, y)
    );
    return tape.pipe(y, ...adapted);
  }

  /**
   * Computes the adapted sum from the sum of the residual stream and the output, (tokens, width);
   * the sum is released if there is a new one.
   *
   * @param norm Norm that the block applies to the sum, if any: adaptations read norm(sum) and change the sum.
   */
  forwardSum(tape: Tape, sum: Tensor, norm?: Norm): Tensor {
    const adapted = this.sum.adaptations.map((adaptation) => (sum: Tensor) => {
      const x = norm ? norm.forward(tape, sum) : sum;
      const changed = adaptation.forward(tape, x, sum);
      if (norm) tape.release(x);
      return changed;
    });
    return tape.pipe(sum, ...adapted);
  }
}
