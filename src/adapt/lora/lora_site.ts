/** LoRA on one site of one linear layer. @module */

import { scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { addColumns } from "../../autograd/ops/add_columns.ts";
import { dropoutWithGradient } from "../../autograd/ops/dropout.ts";
import { linear } from "../../autograd/ops/linear.ts";
import { blockOf, type LowRankSite } from "../../autograd/ops/low_rank.ts";
import { matrix, multiply } from "../../autograd/ops/product.ts";
import { scale } from "../../autograd/ops/scale.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import { rangesOf, type SiteRows } from "../../core/row_range.ts";
import type { SiteRole } from "../../core/site.ts";
import type { Tensor } from "../../device/device.ts";
import type { Adaptation } from "../../nn/adaptation.ts";
import type { WeightChange } from "../adapter.ts";
import type { AdaptedLayer } from "../../nn/embedding.ts";
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

/**
 * h = W₀ x + scaling · B A x on some rows of a layer's weight (Hu et al. 2021, equation 3); with a bias of B,
 * scaling · (B A x + bias).
 */
export class LoraSite implements Adaptation, LowRankSite {
  /** The site's name: `transformer.h.0.attn.c_attn:q`, or the layer's path for all of its rows. */
  readonly name: string;
  /** The layer. */
  readonly linear: AdaptedLayer;
  /** Which part of a fused weight it is, if any. */
  readonly role: SiteRole | undefined;
  /** Output rows of the weight. */
  readonly rows: SiteRows;
  /** `(rank, in)`; of an embedding `(tokens, rank)`, a table. */
  readonly A: Parameter;
  /** `(rows, rank)`. */
  readonly B: Parameter;
  /** The bias of B, `(rows)`, if it has one. */
  readonly bias?: Parameter;
  /** α. */
  readonly alpha: number;
  /** The factor of B A. */
  readonly scaling: number;
  /** Share of the inputs that dropout zeroes while training. */
  readonly dropout: number;

  /** Joins A, B and perhaps a bias to a site. */
  constructor(
    site: Omit<Site, "index">,
    A: Parameter,
    B: Parameter,
    settings: LoraSettings,
    bias?: Parameter,
  ) {
    this.name = site.name;
    this.linear = site.linear;
    this.role = site.role;
    this.rows = site.rows;
    this.A = A;
    this.B = B;
    this.bias = bias;
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
    return this.B.shape[1];
  }

  /** A, then B, then the bias of B if there is one. */
  get parameters(): readonly Parameter[] {
    return [this.A, this.B, ...this.bias ? [this.bias] : []];
  }

  /** Itself, unless it has a bias: a dense layer fuses {@link LoraSite.forward} with its own product. */
  get lowRank(): LowRankSite | undefined {
    return this.bias ? undefined : this;
  }

  /** y[:, rows] + scaling · B A drop(x), on a weight of any kind. */
  forward(tape: Tape, x: Tensor, y: Tensor): Tensor {
    const dropped = dropoutWithGradient(tape, x, this.dropout);
    const update = this.update(tape, dropped);
    const sum = addColumns(tape, y, update, this.rows);
    tape.release(update, ...(dropped === x ? [] : [dropped]));
    return sum;
  }

  /** scaling · (B A x + bias). */
  protected update(tape: Tape, x: Tensor): Tensor {
    const { A, B, bias, scaling } = this, Ax = linear(tape, x, A);
    if (!bias) {
      return tape.pipe(Ax, (Ax) => scale(tape, Ax, scaling), (Ax) => linear(tape, Ax, B));
    }
    return tape.pipe(Ax, (Ax) => linear(tape, Ax, B, bias), (BAx) => scale(tape, BAx, scaling));
  }

  /**
   * What merging does to the layer's weight and, if B has a bias, to the layer's bias.
   *
   * @throws {RangeError} when B has a bias and the layer has none.
   */
  weightChanges(): WeightChange[] {
    const { linear: { weight, bias: own } } = this;
    const change = { ...named(weight), mergeInto: (copy: Tensor) => this.mergeInto(copy) };
    if (!this.bias) return [change];
    if (own) return [change, { ...named(own), mergeInto: (copy) => this.#mergeIntoBias(copy) }];
    throw new RangeError(
      `merging a bias of B needs a layer with a bias, found none on ${this.name}`,
    );
  }

  /** b[rows] += scaling · bias, with b of the layer. */
  #mergeIntoBias(own: Tensor): void {
    const tensors = { x: this.bias!.tensor, y: own }, { scaling: alpha } = this;
    for (const { before: xOffset, start: yOffset, count: size } of rangesOf(this.rows)) {
      const scalars = { size, xOffset, yOffset, alpha, accumulate: 1 };
      own.device.launch(scaleAdd, tensors, scalars);
    }
  }

  /** W[rows, :] += sign · scaling · B A. */
  mergeInto(W: Tensor, sign: 1 | -1 = 1): void {
    const { A, B, rows, rank, scaling } = this, width = W.shape[1];
    const options = { n: width, k: rank, alpha: sign * scaling, accumulate: 1 } as const;
    for (const range of rangesOf(rows)) {
      const target = { ...matrix(W), offset: range.start * width };
      multiply(blockOf(B.tensor, range), matrix(A.tensor), target, { m: range.count, ...options });
    }
  }
}

const named = ({ name, shape }: Pick<WeightChange, "name" | "shape">) => ({ name, shape });
