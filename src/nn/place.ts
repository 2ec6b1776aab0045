/** Named places in a transformer block where an adapter may change the activations. @module */

import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import type { Adaptation } from "./adaptation.ts";

/** A place after a sublayer, before its result is added to the residual stream; does nothing by itself. */
export class Place {
  /** The sublayer's name, such as `transformer.h.0.attn`. */
  readonly name: string;
  /** Width of the activations. */
  readonly width: number;
  /** The adaptations in force, in the order in which they are applied. */
  readonly adaptations: Adaptation[] = [];

  /** Names a place. */
  constructor(name: string, width: number) {
    this.name = name;
    this.width = width;
  }

  /**
   * From the sublayer's input x and its output y, (tokens, width) each, to the adapted output; y is
   * released if there is another one.
   */
  forward(tape: Tape, x: Tensor, y: Tensor): Tensor {
    const adapted = this.adaptations.map((adaptation) => (y: Tensor) =>
      adaptation.forward(tape, x, y)
    );
    return tape.pipe(y, ...adapted);
  }
}
