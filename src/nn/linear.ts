/** A linear layer whose output rows may be adapted site by site. @module */

import { linear } from "../autograd/ops/linear.ts";
import type { LowRankSite } from "../autograd/ops/low_rank.ts";
import type { RowRange } from "../core/row_range.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/tensor.ts";

/** Role of a site in a transformer block. */
export type SiteName = "q" | "k" | "v" | "o" | "up" | "down" | "head";

/** y = x Wᵀ + b, with the low-rank updates that were injected. */
export class Linear {
  /** Path of the module, such as `transformer.h.0.attn.c_attn`. */
  readonly name: string;
  /** (out, in). */
  readonly weight: Parameter;
  /** (out), where there is one. */
  readonly bias: Parameter | undefined;
  /** The weight's output rows by role: GPT-2's fused `c_attn` has three, a plain projection one. */
  readonly sites: Readonly<Partial<Record<SiteName, RowRange>>>;
  /** The updates in force; `injectLora` and `Adapter.remove` change this list. */
  readonly adapted: LowRankSite[] = [];

  /** Names a weight and its sites. */
  constructor(
    name: string,
    weight: Parameter,
    bias: Parameter | undefined,
    sites: Readonly<Partial<Record<SiteName, RowRange>>>,
  ) {
    this.name = name;
    this.weight = weight;
    this.bias = bias;
    this.sites = sites;
  }

  /** x (tokens, in) to (tokens, out). */
  forward(tape: Tape, x: Tensor): Tensor {
    return linear(tape, x, this.weight, this.bias, this.adapted);
  }
}
