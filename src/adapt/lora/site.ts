/** LoRA on one site of one linear layer. @module */

import {
  dotColumns,
  rowNorms,
  scaleColumns,
  scaleRows,
} from "../../../kernels/column_scaling/kernel.ts";
import { addKernel, scaleAdd } from "../../../kernels/elementwise/kernel.ts";
import { addColumns, scale } from "../../autograd/ops/add.ts";
import { dropoutWithGradient } from "../../autograd/ops/dropout.ts";
import { embedding } from "../../autograd/ops/embedding.ts";
import { linear } from "../../autograd/ops/linear.ts";
import { blockOf, type LowRankSite } from "../../autograd/ops/low_rank.ts";
import { matrix, multiply } from "../../autograd/ops/product.ts";
import type { Parameter } from "../../autograd/parameter.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Weight } from "../../autograd/weight.ts";
import type { HostData } from "../../core/tensor.ts";
import { countRows, rangesOf, type SiteRole, type SiteRows } from "../../core/update.ts";
import type { ArenaEntry } from "../../device/arena.ts";
import type { Tensor } from "../../device/device.ts";
import { transpose } from "../../models/layers.ts";
import { type AdaptedLayer, Embedding, type Ids } from "../../nn/embedding.ts";
import type { Adaptation } from "../../nn/linear.ts";
import type { WeightChange } from "../adapter.ts";
import type { Site } from "../sites.ts";
import { copyTensor } from "../trained_modules.ts";

/**
 * h = W₀ x + scaling · B A x on some rows of a layer's weight (Hu et al. 2021, equation 3); with a bias of B,
 * scaling · (B A x + bias).
 */
export class LoraSite implements Adaptation, LowRankSite {
  /** The site's name: `transformer.h.0.attn.c_attn:q`, or the layer's path for all of its rows. */
  readonly name: string;
  /** The layer. */
  readonly linear: AdaptedLayer;
  /** Role of its part of a fused weight, if any. */
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
    settings: Pick<LoraPlan, "alpha" | "scaling" | "dropout">,
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
  get tensors(): readonly Parameter[] {
    return [this.A, this.B, ...this.bias ? [this.bias] : []];
  }

  /** Those of {@link LoraSite.tensors} that are trained: all, but for a frozen A. */
  get parameters(): readonly Parameter[] {
    return this.tensors.filter(({ trainable }) => trainable);
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
   * Changes that merging makes to the layer's weight and, if B has a bias, to the layer's bias.
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

/**
 * y = E[id, :] + scaling · A[id, :] Bᵀ with A (tokens, rank), which PEFT's files hold turned, and B
 * (width, rank). Only the rows of the batch's tokens are computed. As in PEFT there is no dropout: the input is
 * a number, not a vector.
 *
 * A padding token's row is trained as any other; PyTorch gives the one that a model names no gradient.
 *
 * A head that shares the table does not change with it; see {@link LoraSite.weightChanges}.
 */
export class LoraEmbedding extends LoraSite {
  /** None: nothing is multiplied that it could be fused with. */
  override get lowRank(): undefined {
    return undefined;
  }

  /** y + scaling · A[ids, :] Bᵀ. */
  override forward(tape: Tape, ids: Ids, y: Tensor): Tensor {
    const update = tape.pipe(
      embedding(tape, this.A, ids),
      (rows) => scale(tape, rows, this.scaling),
      (rows) => linear(tape, rows, this.B),
    );
    const sum = addColumns(tape, y, update, this.rows);
    tape.release(update);
    return sum;
  }

  /** E += sign · scaling · A Bᵀ. */
  override mergeInto(E: Tensor, sign: 1 | -1 = 1): void {
    const [tokens, width] = E.shape, extents = { m: tokens, n: width, k: this.rank };
    const options = { ...extents, transposeB: true, alpha: sign * this.scaling } as const;
    multiply(matrix(this.A.tensor), matrix(this.B.tensor), matrix(E), {
      ...options,
      accumulate: 1,
    });
  }
}

/** Facts about a site that a LoRA adapter needs to allocate its tensors. */
export interface LoraPlan {
  /** Site of the update. */
  readonly site: Omit<Site, "index">;
  /** r. */
  readonly rank: number;
  /** α. */
  readonly alpha: number;
  /** The factor of B A: α / r, or α / √r when rank-stabilized. */
  readonly scaling: number;
  /** Share of the inputs that dropout zeroes while training. */
  readonly dropout: number;
  /** Values of A, `(rank, in)`. */
  readonly A: HostData;
  /** Values of B, `(rows, rank)`; zeros if absent. */
  readonly B?: HostData;
  /** Values of the bias of B, `(rows)`; without it, there is none. */
  readonly bias?: HostData;
  /** DoRA's magnitude, `(rows)`, or "norms" for those of the weight's rows; without it, no DoRA. */
  readonly magnitude?: HostData | "norms";
  /** True if A is frozen, and B alone is trained. Default false. */
  readonly freezeA?: boolean;
  /** True if the weights are those at A and B: kept, frozen and subtracted (PiSSA). Default false. */
  readonly isStart?: boolean;
}

/** Operands from which a change of magnitude is computed. */
export interface MagnitudeOperands {
  /** The layer's input after dropout, (tokens, in). */
  readonly x: Tensor;
  /** scaling · B A x, (tokens, out). */
  readonly update: Tensor;
  /** W, (out, in), frozen. */
  readonly weight: Weight;
  /** m, (out). */
  readonly magnitude: Parameter;
  /** ‖W + scaling · B A‖ by rows, (out): a constant. */
  readonly norms: Tensor;
}

/** out = y + m / ‖V‖ · z − W x with z = W x + update. */
export function magnitudeChange(tape: Tape, y: Tensor, operands: MagnitudeOperands): Tensor {
  const { x, update, weight, magnitude, norms } = operands, { device } = tape;
  const z = tape.activation(y.shape, "direction"), out = tape.activation(y.shape, "DoRA");
  using base = device.allocate(y.shape, "f32", "scratch", "base output");
  weight.multiply(x, base);
  device.launch(addKernel, { a: base, b: update, out: z }, { size: z.size });
  addScaled(base, out, -1, 0);
  device.launch(scaleColumns, { x: z, ...quotient(operands), y: out }, extents(z, 1));
  addScaled(y, out, 1, 1);
  tape.record(out, [y, x, update, magnitude], (dOut) => {
    const into = tape.contribute(magnitude);
    if (into) {
      const { tensor, accumulate } = into, factors = { a: dOut, b: z, divisors: norms };
      device.launch(dotColumns, { ...factors, y: tensor }, extents(z, accumulate));
    }
    using dz = device.allocate(y.shape, "f32", "scratch", "direction gradient");
    device.launch(scaleColumns, { x: dOut, ...quotient(operands), y: dz }, extents(z, 0));
    tape.pass(update, dz);
    const dx = tape.contribute(x);
    if (dx) {
      addScaled(dOut, dz, -1, 1);
      weight.multiplyTransposed(dz, dx);
    }
    tape.give(y, dOut);
  }, [z, norms]);
  tape.release(z);
  return out;
}

const quotient = ({ magnitude, norms }: MagnitudeOperands) => ({
  factors: magnitude.tensor,
  divisors: norms,
});

const extents = ({ shape: [rows, width] }: Tensor, accumulate: 0 | 1) => ({
  rows,
  width,
  accumulate,
});

function addScaled(x: Tensor, y: Tensor, alpha: number, accumulate: 0 | 1): void {
  const scalars = { size: x.size, xOffset: 0, yOffset: 0, alpha, accumulate };
  x.device.launch(scaleAdd, { x, y }, scalars);
}

/**
 * W' = m · V / ‖V‖, row by row, with V = W + scaling · B A (Liu et al. 2024, equation 5). The norm is a
 * constant for the gradients, as in their section 4.3 and in PEFT. With B = 0 and m = ‖W‖ it changes nothing.
 *
 * Cost beyond LoRA's: a second product with W in both directions, and V while its norms are computed.
 */
export class DoraSite extends LoraSite {
  /** m, `(out)`. */
  readonly magnitude: Parameter;

  /**
   * Joins A, B and m to a layer.
   *
   * @throws {RangeError} when the site does not have all rows of the layer's weight.
   */
  constructor(
    site: Omit<Site, "index">,
    A: Parameter,
    B: Parameter,
    magnitude: Parameter,
    settings: Pick<LoraPlan, "alpha" | "scaling" | "dropout">,
  ) {
    super(site, A, B, settings);
    this.magnitude = magnitude;
    if (countRows(site.rows) === site.linear.weight.shape[0]) return;
    throw new RangeError(`DoRA needs sites of all rows of a weight, found ${site.name}`);
  }

  /** A, B, then m. */
  override get tensors(): readonly Parameter[] {
    return [this.A, this.B, this.magnitude];
  }

  /** None: the change is not of low rank. */
  override get lowRank(): undefined {
    return undefined;
  }

  /** y + m / ‖V‖ · V drop(x) − W drop(x). */
  override forward(tape: Tape, x: Tensor, y: Tensor): Tensor {
    const dropped = dropoutWithGradient(tape, x, this.dropout);
    const update = this.update(tape, dropped),
      norms = tape.activation(this.magnitude.shape, "norms");
    this.#writeNorms(norms);
    const { linear: { weight }, magnitude } = this;
    const changed = magnitudeChange(tape, y, { x: dropped, update, weight, magnitude, norms });
    tape.release(update, norms, ...(dropped === x ? [] : [dropped]));
    return changed;
  }

  /**
   * W += m · V / ‖V‖ − W, with the layer's own W on the right: what several adapters change adds up.
   *
   * @throws {RangeError} when the change is to be subtracted.
   */
  override mergeInto(W: Tensor, sign: 1 | -1 = 1): void {
    if (sign < 0) {
      throw new RangeError(`swapping needs adapters of LoRA, found DoRA on ${this.name}`);
    }
    const { device } = W, { shape } = this.magnitude, size = W.size;
    using V = this.#direction();
    using norms = device.allocate(shape, "f32", "scratch", "norms");
    device.launch(rowNorms, { x: V, y: norms }, extentsOf(V));
    using own = this.linear.weight.dense();
    using change = device.allocate(W.shape, "f32", "scratch", `${this.name} change`);
    const scalars = { size, xOffset: 0, yOffset: 0 };
    device.launch(scaleAdd, { x: own, y: change }, { ...scalars, alpha: -1, accumulate: 0 });
    const quotient = { factors: this.magnitude.tensor, divisors: norms };
    device.launch(scaleRows, { x: V, ...quotient, y: change }, { ...extentsOf(V), accumulate: 1 });
    device.launch(scaleAdd, { x: change, y: W }, { ...scalars, alpha: 1, accumulate: 1 });
  }

  /** V = W + scaling · B A. */
  #direction(): Tensor {
    using own = this.linear.weight.dense();
    const V = own.device.allocate(own.shape, "f32", "scratch", `${this.name} direction`);
    copyTensor(own, V);
    super.mergeInto(V);
    return V;
  }

  #writeNorms(norms: Tensor): void {
    using V = this.#direction();
    norms.device.launch(rowNorms, { x: V, y: norms }, extentsOf(V));
  }
}

/** Writes the norms of a weight's rows: the magnitude of a site whose B is zero. */
function writeRowNorms(weight: Weight, to: Tensor): void {
  using W = weight.dense();
  to.device.launch(rowNorms, { x: W, y: to }, extentsOf(W));
}

const extentsOf = ({ shape: [rows, width] }: Tensor) => ({ rows, width });

/** Tensors of a site, by the ends of PEFT's keys, which has none for start values. */
type Part =
  | ("lora_A.weight" | "lora_B.weight" | "lora_B.bias" | "lora_magnitude_vector")
  | ("lora_embedding_A" | "lora_embedding_B")
  | ("start_A.weight" | "start_B.weight");

/** A tensor's name in PEFT's form; saving joins the sites of one weight under the module's name. */
const nameOf = ({ site }: LoraPlan, part: Part): string => `base_model.model.${site.name}.${part}`;

/** All A before all B, so that an optimizer with a learning rate for each (LoRA+) finds two ranges. */
export function entriesOf(all: readonly LoraPlan[]): ArenaEntry[] {
  const vector = ({ site }: LoraPlan) => [countRows(site.rows)];
  const entries = (part: Part, some: readonly LoraPlan[], shape: (plan: LoraPlan) => number[]) =>
    some.map((plan) => ({ name: nameOf(plan, part), shape: shape(plan) }));
  const shapeA = ({ rank, site }: LoraPlan) => [rank, site.linear.extents[1]];
  const shapeB = ({ rank, site }: LoraPlan) => [countRows(site.rows), rank];
  const turnedA = (plan: LoraPlan) => shapeA(plan).reverse();
  const [tables, plans] = [true, false]
    .map((wanted) => all.filter(({ site }) => site.linear instanceof Embedding === wanted));
  const started = plans.filter(({ isStart }) => isStart);
  return [
    ...entries("lora_A.weight", plans, shapeA),
    ...entries("lora_embedding_A", tables, turnedA),
    ...entries("lora_B.weight", plans, shapeB),
    ...entries("lora_embedding_B", tables, shapeB),
    ...entries("lora_B.bias", plans.filter(({ bias }) => bias), vector),
    ...entries("lora_magnitude_vector", plans.filter(({ magnitude }) => magnitude), vector),
    ...entries("start_A.weight", started, shapeA),
    ...entries("start_B.weight", started, shapeB),
  ];
}

/** The tensors of plans by their names. */
export type SiteParameters = ReadonlyMap<string, Parameter>;

/** A site with its tensors, filled. */
export function makeSite(plan: LoraPlan, own: SiteParameters): LoraSite {
  if (plan.site.linear instanceof Embedding) return makeEmbedding(plan, own);
  const { A, B, parameter } = factorsOf(plan, own, ["lora_A.weight", "lora_B.weight"]);
  const { device } = A.tensor;
  if (plan.magnitude) {
    const magnitude = parameter("lora_magnitude_vector");
    if (plan.magnitude === "norms") writeRowNorms(plan.site.linear.weight, magnitude.tensor);
    else device.write(magnitude.tensor, plan.magnitude);
    return new DoraSite(plan.site, A, B, magnitude, plan);
  }
  const bias = plan.bias && parameter("lora_B.bias");
  if (bias) device.write(bias.tensor, plan.bias!);
  return new LoraSite(plan.site, A, B, plan, bias);
}

/** An embedding's A is a table on the device: (tokens, rank). */
function makeEmbedding(plan: LoraPlan, own: SiteParameters): LoraSite {
  const { rank, site } = plan, [, tokens] = site.linear.extents;
  const table = transpose({ shape: [rank, tokens], data: plan.A }).data;
  const parts = ["lora_embedding_A", "lora_embedding_B"] as const;
  const { A, B } = factorsOf({ ...plan, A: table }, own, parts);
  return new LoraEmbedding(site, A, B, plan);
}

/** The start values of a plan's site as an update that takes them out of the weight, frozen. */
export function makeStart(plan: LoraPlan, own: SiteParameters): LoraSite {
  const { A, B } = factorsOf(plan, own, ["start_A.weight", "start_B.weight"]);
  for (const factor of [A, B]) factor.trainable = false;
  const { alpha, scaling } = plan;
  return new LoraSite(plan.site, A, B, { alpha: -alpha, scaling: -scaling, dropout: 0 });
}

/** A and B, filled, and how to find another parameter of the site. */
function factorsOf(plan: LoraPlan, own: SiteParameters, parts: readonly [Part, Part]) {
  const parameter = (part: Part) => own.get(nameOf(plan, part))!;
  const [A, B] = parts.map(parameter), { device } = A.tensor;
  A.trainable = !plan.freezeA;
  device.write(A.tensor, plan.A);
  if (plan.B) device.write(B.tensor, plan.B);
  return { A, B, parameter };
}
