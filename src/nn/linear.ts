/** A linear layer that can be adapted. @module */

import { adaptedLinear } from "../autograd/ops/adapted_linear.ts";
import { linear } from "../autograd/ops/linear.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Weight } from "../autograd/weight.ts";
import type { RowRange } from "../core/row_range.ts";
import type { SiteRole } from "../core/site.ts";
import type { Tensor } from "../device/device.ts";
import type { Adaptation } from "./adaptation.ts";

/** Output rows of a layer's weight by what they do: GPT-2's fused `c_attn` has three parts. */
export type LinearParts = Readonly<Partial<Record<SiteRole, RowRange>>>;

/** y = x Wᵀ + b, changed by its adaptations. */
export class Linear {
  /** Path of the module, such as `transformer.h.0.attn.c_attn`. */
  readonly name: string;
  /** W, (out, in). */
  readonly weight: Weight;
  /** (out), if there is one. */
  readonly bias: Parameter | undefined;
  /** The parts of the weight; a plain projection has one, with all rows. */
  readonly parts: LinearParts;
  /** The adaptations in force, in the order in which they are applied. */
  readonly adaptations: Adaptation[] = [];

  /** Takes a weight and the names of its parts. */
  constructor(name: string, weight: Weight, bias: Parameter | undefined, parts: LinearParts) {
    this.name = name;
    this.weight = weight;
    this.bias = bias;
    this.parts = parts;
  }

  /** Maps x (tokens, in) to (tokens, out). */
  forward(tape: Tape, x: Tensor): Tensor {
    const { weight, bias } = this, fused = this.#fused;
    const y = weight.parameter && fused.length > 0
      ? adaptedLinear(tape, x, weight.parameter, bias, fused.map(({ lowRank }) => lowRank!))
      : linear(tape, x, weight, bias);
    return this.adaptations
      .slice(fused.length)
      .reduce((y, adaptation) => adaptation.forward(tape, x, y), y);
  }

  /** The first adaptations, as far as they can be fused with the product of a dense weight. */
  get #fused(): readonly Adaptation[] {
    const { weight, adaptations } = this, others = adaptations.findIndex(({ lowRank }) => !lowRank);
    if (!weight.parameter) return [];
    return others < 0 ? adaptations : adaptations.slice(0, others);
  }
}
