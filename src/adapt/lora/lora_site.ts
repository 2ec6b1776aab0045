/** LoRA on one site of one linear layer. @module */

import { addColumns } from "../../autograd/ops/add_columns.ts";
import { dropoutWithGradient } from "../../autograd/ops/dropout.ts";
import { linear } from "../../autograd/ops/linear.ts";
import type { LowRankSite } from "../../autograd/ops/low_rank.ts";
import { matrix, multiply } from "../../autograd/ops/product.ts";
import { scale } from "../../autograd/ops/scale.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { RowRange } from "../../core/row_range.ts";
import type { SiteRole } from "../../core/site.ts";
import type { Tensor } from "../../device/device.ts";
import type { Adaptation } from "../../nn/adaptation.ts";
import type { Linear } from "../../nn/linear.ts";
import type { Site } from "../sites.ts";

/** The numbers of a site's update besides A and B. */
export interface LoraSettings {
  /** α. */
  readonly alpha: number;
  /** The factor of B A: α / r, or α / √r when rank-stabilized. */
  readonly scaling: number;
  /** Share of the inputs that dropout zeroes while training. */
  readonly dropout: number;
}

/** h = W₀ x + scaling · B A x on some rows of a layer's weight (Hu et al. 2021, equation 3). */
export class LoraSite implements Adaptation, LowRankSite {
  /** The site's name: `transformer.h.0.attn.c_attn:q`, or the layer's path for all of its rows. */
  readonly name: string;
  /** The layer. */
  readonly linear: Linear;
  /** Which part of a fused weight it is, if any. */
  readonly role: SiteRole | undefined;
  /** Output rows of the weight. */
  readonly rows: RowRange;
  /** `(rank, in)`. */
  readonly A: Parameter;
  /** `(rows.count, rank)`. */
  readonly B: Parameter;
  /** α. */
  readonly alpha: number;
  /** The factor of B A. */
  readonly scaling: number;
  /** Share of the inputs that dropout zeroes while training. */
  readonly dropout: number;

  /** Joins A and B to a site. */
  constructor(site: Omit<Site, "index">, A: Parameter, B: Parameter, settings: LoraSettings) {
    this.name = site.name;
    this.linear = site.linear;
    this.role = site.role;
    this.rows = site.rows;
    this.A = A;
    this.B = B;
    this.alpha = settings.alpha;
    this.scaling = settings.scaling;
    this.dropout = settings.dropout;
  }

  /** Path of the layer. */
  get module(): string {
    return this.linear.name;
  }

  /** r. */
  get rank(): number {
    return this.A.shape[0];
  }

  /** A, then B. */
  get parameters(): readonly Parameter[] {
    return [this.A, this.B];
  }

  /** Itself: a dense layer fuses {@link LoraSite.forward} with its own product. */
  get lowRank(): LowRankSite {
    return this;
  }

  /** y[:, rows] + scaling · B A drop(x), on a weight of any kind. */
  forward(tape: Tape, x: Tensor, y: Tensor): Tensor {
    const dropped = dropoutWithGradient(tape, x, this.dropout);
    const update = tape.pipe(
      linear(tape, dropped, this.A),
      (Ax) => scale(tape, Ax, this.scaling),
      (Ax) => linear(tape, Ax, this.B),
    );
    const sum = addColumns(tape, y, update, this.rows.start);
    tape.release(update, ...(dropped === x ? [] : [dropped]));
    return sum;
  }

  /** W[rows, :] += sign · scaling · B A. */
  mergeInto(W: Tensor, sign: 1 | -1 = 1): void {
    const { A, B, rows, rank, scaling } = this, width = W.shape[1];
    const target = { ...matrix(W), offset: rows.start * width };
    const extents = { m: rows.count, n: width, k: rank };
    const options = { ...extents, alpha: sign * scaling, accumulate: 1 } as const;
    multiply(matrix(B.tensor), matrix(A.tensor), target, options);
  }
}
