/**
 * A linear layer that can be adapted, and the interface of an adaptation, which an adapter adds to
 * a layer.
 *
 * @module
 */

import { linear } from "../autograd/ops/linear.ts";
import { adaptedLinear, type LowRankSite } from "../autograd/ops/low_rank.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Weight } from "../autograd/weight.ts";
import type { SiteRole, SiteRows } from "../core/update.ts";
import type { Tensor } from "../device/device.ts";

/** Output rows of a layer's weight by what they do: GPT-2's fused `c_attn` has three parts. */
export type LinearParts = Readonly<Partial<Record<SiteRole, SiteRows>>>;

/** y = x Wᵀ + b, changed by its adaptations. */
export class Linear {
  /** Path of the module, such as `transformer.h.0.attn.c_attn`. */
  readonly name: string;
  /** A weight that an adapter gives it in the place of its own: a head that is tied to an embedding, one alone. */
  substitute?: Weight;
  /** (out), if there is one. */
  readonly bias: Parameter | undefined;
  /** The parts of the weight; a plain projection has one, with all rows. */
  readonly parts: LinearParts;
  /** The adaptations in force, in the order in which they are applied. */
  readonly adaptations: Adaptation[] = [];
  readonly #weight: Weight;

  /** Takes a weight and the names of its parts. */
  constructor(name: string, weight: Weight, bias: Parameter | undefined, parts: LinearParts) {
    this.name = name;
    this.#weight = weight;
    this.bias = bias;
    this.parts = parts;
  }

  /** W, (out, in). */
  get weight(): Weight {
    return this.substitute ?? this.#weight;
  }

  /** Extents of an update of all rows, (out, in). */
  get extents(): readonly [outputs: number, inputs: number] {
    const [outputs, inputs] = this.weight.shape;
    return [outputs, inputs];
  }

  /** Maps x (tokens, in) to (tokens, out). */
  forward(tape: Tape, x: Tensor): Tensor {
    const { weight, bias, adaptations } = this, [first] = adaptations;
    // The first adaptations, as far as they can be fused with the product of the weight.
    const fused = leadingSites(adaptations);
    const y = first?.wholeLayer
      ? first.wholeLayer(tape, x, weight, bias)
      : fused.length > 0
      ? adaptedLinear(tape, x, weight, bias, fused)
      : linear(tape, x, weight, bias);
    const done = first?.wholeLayer ? 1 : fused.length;
    const adapted = adaptations.slice(done).map((adaptation) => (y: Tensor) =>
      adaptation.forward(tape, x, y)
    );
    return tape.pipe(y, ...adapted);
  }
}

/** The low-rank updates before the first adaptation of another kind. */
function leadingSites(adaptations: readonly Adaptation[]): LowRankSite[] {
  const sites: LowRankSite[] = [];
  for (const { lowRank } of adaptations) {
    if (!lowRank) break;
    sites.push(lowRank);
  }
  return sites;
}

/** A trained change to the output of one layer, or of one place in a block; an embedding's input are ids. */
export interface Adaptation<Input = Tensor> {
  /** Trained parameters, in a fixed order. */
  readonly parameters: readonly Parameter[];
  /**
   * Computes the adapted output from the layer's input x and its output y, (tokens, width) each.
   */
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
