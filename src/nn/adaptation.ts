/** What an adapter adds to a layer. @module */

import type { LowRankSite } from "../autograd/ops/low_rank.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Weight } from "../autograd/weight.ts";
import type { Tensor } from "../device/device.ts";

/** A trained change to the output of one layer, or of one place in a block; an embedding's input are ids. */
export interface Adaptation<Input = Tensor> {
  /** What is trained, in a fixed order. */
  readonly parameters: readonly Parameter[];
  /** From the layer's input x and its output y, (tokens, width) each, to the adapted output. */
  forward(tape: Tape, x: Input, y: Tensor): Tensor;
  /** The same change as a low-rank term, which a dense layer fuses with its own product. */
  readonly lowRank?: LowRankSite;
  /**
   * The adapted output of a layer of this weight, in the place of its own product and {@link Adaptation.forward}: the
   * first adaptation of a layer may compute it all, so that gradients are summed with the layer's.
   */
  readonly wholeLayer?: (
    tape: Tape,
    x: Input,
    weight: Weight,
    bias: Parameter | undefined,
  ) => Tensor;
}
