/** Adapters that begin at a part of the weights, which is taken out of what is frozen. @module */

import { FourBitWeight } from "../../autograd/four_bit.ts";
import { assertOptions } from "../../core/checks.ts";
import { oneLine, quote, ShapeError } from "../../core/errors.ts";
import { formatShape, type HostTensor } from "../../core/tensor.ts";
import { countRows, deltaWeight, indicesOf } from "../../core/update.ts";
import { gather } from "../../formats/peft/comparable.ts";
import {
  type DenseMatrix,
  denseOf,
  difference,
  frobeniusNorm,
  qr,
  rowsOf,
  type Svd,
  svd,
  transposed,
} from "../../linalg/mod.ts";
import { lora } from "../../methods/lora.ts";
import { type BaseFile, openBase } from "../../models/base_file.ts";
import { transpose } from "../../models/layers.ts";
import { assertModel, type Model } from "../../models/model.ts";
import { Embedding } from "../../nn/embedding.ts";
import { dequantize, quantize, type QuantizeOptions } from "../../quant/quantize.ts";
import type { QuantizedTensor } from "../../quant/quantized_tensor.ts";
import { assertFree } from "../adapter.ts";
import { LoraAdapter } from "./adapter.ts";
import { injectedParts, injectLora, type LoraOptions, planLora } from "./inject.ts";
import type { LoraPlan } from "./site.ts";

/** {@link LoraOptions} without those that a start at the weights decides. */
export type WeightStartOptions = Omit<LoraOptions, "init" | "seed" | "dora" | "loraBias">;

const { init: _, dora: _dora, loraBias: _bias, ...ofStart } = lora.options;

/** Factors of a part of a weight: A₀ (r, in), and B₀ᵀ (r, out). */
export interface StartFactors {
  /** A₀. */
  readonly A: DenseMatrix;
  /** B₀, turned. */
  readonly turnedB: DenseMatrix;
}

/** Computes a site's start factors from the rows of its weight in float64. */
export type WeightStart = (weight: DenseMatrix, plan: LoraPlan) => StartFactors;

/** Injects an adapter whose A and B begin at factors of the weights, which keeps these beside them, subtracted. */
async function injectAtWeights(
  model: Model,
  action: string,
  options: WeightStartOptions,
  start: WeightStart,
): Promise<LoraAdapter> {
  const plans: LoraPlan[] = [];
  for (const plan of plansOf(model, action, options)) plans.push(await startedPlan(plan, start));
  assertFree(model, options, action); // Another may have come while weights were read.
  return new LoraAdapter(model, plans, injectedParts(model, plans, options));
}

/**
 * The tensors of an adapter whose values come from the weights, without these: for the dry device, which holds none.
 *
 * @param isStart True if the start values are kept and subtracted.
 */
function allocateAtWeights(
  model: Model,
  action: string,
  options: WeightStartOptions,
  isStart: boolean,
): LoraAdapter {
  const plans = plansOf(model, action, options).map((plan) => ({ ...plan, isStart }));
  return new LoraAdapter(model, plans, injectedParts(model, plans, options));
}

/**
 * The best approximation of a matrix of rank r as s B₀ A₀ (Eckart and Young 1936): A₀ = √(Σ / s) Vᵀ and
 * B₀ = U √(Σ / s), of the first r singular values.
 */
export function leadingFactors(
  { left, values, right }: Svd,
  rank: number,
  scaling: number,
): StartFactors {
  const roots = values.map((value) => Math.sqrt(value / scaling));
  const [A, turnedB] = [right, left].map((part) => scaledRows(rowsOf(part, 0, rank), roots));
  return { A, turnedB };
}

/** A matrix whose rows are multiplied by factors. */
export function scaledRows(
  { rows, columns, data }: DenseMatrix,
  factors: Float64Array,
): DenseMatrix {
  const scaled = data.map((value, at) => value * factors[Math.floor(at / columns)]);
  return { rows, columns, data: scaled };
}

/** Throws for a site whose factors would need the root of a negative number, or would be infinite. */
function assertPositive(what: string, scaling: number, site: string): void {
  if (scaling > 0) return;
  throw new RangeError(`${what} needs a positive scaling, found ${scaling} on ${site}`);
}

/** Plans of LoRA on linear layers, whose values are to come. */
export function plansOf(model: Model, action: string, options: WeightStartOptions): LoraPlan[] {
  assertModel(action, model);
  assertOptions(action, options, { ...ofStart, onTop: true });
  const plans = planLora(model, action, options);
  const embedding = plans.find(({ site: { linear } }) => linear instanceof Embedding);
  if (embedding === undefined) return plans;
  throw new RangeError(`${action} needs linear layers, found the embedding ${embedding.site.name}`);
}

async function startedPlan(plan: LoraPlan, start: WeightStart): Promise<LoraPlan> {
  return { ...plan, ...valuesOf(start(await weightAt(plan), plan)), isStart: true };
}

/** The rows of a site's weight in float64. */
async function weightAt({ site: { linear, rows } }: LoraPlan): Promise<DenseMatrix> {
  using own = linear.weight.dense();
  const [values] = await own.device.read(own);
  return denseOf(gather(values, indicesOf(rows)));
}

/** The values of A and B. */
export const valuesOf = ({ A, turnedB }: StartFactors): Required<Pick<LoraPlan, "A" | "B">> => ({
  A: Float32Array.from(A.data),
  B: Float32Array.from(transposed(turnedB).data),
});

/**
 * Like `injectLora`, but A and B begin at the r leading singular directions of the weight, and what is frozen
 * is the rest (Meng et al. 2024): W = (W − s B₀ A₀) + s B A with B₀ = U √(Σ / s) and A₀ = √(Σ / s) Vᵀ.
 *
 * The base model's weights stay as they are; A₀ and B₀ are kept beside them and subtracted, so removing the
 * adapter restores the base bit for bit. Reading and saving give the converted LoRA of rank 2r,
 * ΔW = s [B, −B₀] [A; A₀], which any loader puts on the original weights. Cost: a singular value
 * decomposition of every adapted weight on the host, and twice LoRA's memory without the optimizer's.
 *
 * @throws {RangeError} when `injectLora` would, a scaling is not positive, or an embedding is named.
 * @throws {TypeError} when an option does not exist, or both `sites` and `targetModules` are given.
 *
 * @example
 * ```ts
 * import { injectPissa } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = await injectPissa(model, { rank: 2, sites: ["q", "v"] });
 * const [{ A }] = await adapter.read();
 * console.log(A.shape); // 4, 8: the converted rank is twice that of the training
 * ```
 */
export function injectPissa(model: Model, options: WeightStartOptions): Promise<LoraAdapter> {
  return injectAtWeights(model, "injectPissa", options, leadingPart);
}

function leadingPart(
  weight: DenseMatrix,
  { site: { name }, rank, scaling }: LoraPlan,
): StartFactors {
  assertPositive("PiSSA", scaling, name);
  return leadingFactors(svd(weight), rank, scaling);
}

/**
 * Like `injectLora`, but A and B begin at the first r columns of Q and rows of R with W = Q R, and what is frozen
 * is the rest (Büyükakyüz 2024): W = (W − s B₀ A₀) + s B A with B₀ = Q[:, :r], which is orthonormal, and
 * A₀ = R[:r, :]. As in PEFT the start is scaled as the update is. A weight counts as (out, in) however its file
 * holds it; PEFT fails on GPT-2's Conv1D layers.
 *
 * Weights, saving and cost are those of `injectPissa`: the base keeps its bits, files hold the converted LoRA of
 * rank 2r, and the decomposition is one QR for each weight.
 *
 * @throws {RangeError} when `injectLora` would, or an embedding is named.
 * @throws {TypeError} when an option does not exist, or both `sites` and `targetModules` are given.
 *
 * @example
 * ```ts
 * import { injectOlora } from "@lowrank/core/adapt";
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * using adapter = await injectOlora(model, { rank: 2, targetModules: ["c_proj"] });
 * const [{ B }] = await adapter.read();
 * console.log(B.shape); // 8, 4: the converted rank is twice that of the training
 * ```
 */
export function injectOlora(model: Model, options: WeightStartOptions): Promise<LoraAdapter> {
  return injectAtWeights(model, "injectOlora", options, (weight, { rank }) => {
    const { Q, R } = qr(weight);
    return { A: rowsOf(R, 0, rank), turnedB: rowsOf(transposed(Q), 0, rank) };
  });
}

/** Settings of {@link loftq} for splitting a weight. */
export interface LoftqOptions extends Omit<QuantizeOptions, "type"> {
  /** r: a whole number from 1 to the smaller extent. */
  readonly rank: number;
  /** T: how often the weight is quantized. Default 1, as in PEFT. */
  readonly iterations?: number;
}

/** A weight as one in 4 bits and an update. */
export interface LoftqSplit {
  /** Q of the last iteration. */
  readonly quantized: QuantizedTensor;
  /** A of the last iteration, (r, in). */
  readonly A: HostTensor;
  /** B of the last iteration, (out, r). */
  readonly B: HostTensor;
  /**
   * ‖W − Q − B A‖ / ‖W‖ (Frobenius) after each iteration; before them, that of quantizing alone. It may also rise:
   * B A is the best for its Q, but the next Q is not the best for B A.
   */
  readonly errors: readonly number[];
}

/**
 * Splits a weight into one in 4 bits and a low-rank update, W ≈ Q + B A (Li et al. 2023, algorithm 1): T times,
 * Q = quantize(W − B A) with B A = 0 at first, and B A is the best approximation of W − Q of rank r.
 *
 * Cost: a singular value decomposition of the weight for each iteration.
 *
 * @param W (out, in).
 * @throws {ShapeError} when it has not two axes, or its values do not fill the shape.
 * @throws {RangeError} when the rank or the number of iterations is out of range, an option of quantizing is none of
 * those allowed, or a value is not finite.
 * @throws {TypeError} when an option does not exist, or the values are not floats.
 *
 * @example
 * ```ts
 * import { loftq } from "@lowrank/core/adapt";
 *
 * const W = { shape: [2, 2], data: Float32Array.of(1, 0.3, -0.2, 0.6) };
 * const { errors } = loftq(W, { rank: 1 });
 * console.log(errors[1] < errors[0]); // true
 * ```
 */
export function loftq(W: HostTensor, options: LoftqOptions): LoftqSplit {
  const names = { code: true, blockSize: true, doubleQuantization: true } as const;
  assertOptions("loftq", options, { ...names, rank: true, iterations: true });
  const { rank, iterations = 1, ...form } = options;
  assertSplit(W, rank, iterations);
  const weight = denseOf(W), size = frobeniusNorm(weight);
  const errorOf = (...parts: DenseMatrix[]) =>
    size === 0 ? 0 : frobeniusNorm(parts.reduce(difference, weight)) / size;
  let split = splitOf(weight, weight, rank, form);
  const errors = [errorOf(valueOf(split)), errorOf(valueOf(split), productOf(split))];
  for (let done = 1; done < iterations; done++) {
    split = splitOf(weight, difference(weight, productOf(split)), rank, form);
    errors.push(errorOf(valueOf(split), productOf(split)));
  }
  return { ...split, errors };
}

/** Q, A and B. */
type Split = Omit<LoftqSplit, "errors">;

/** Quantizes what the last update leaves of a weight; the next one is the best for that. */
function splitOf(
  weight: DenseMatrix,
  { rows, columns, data }: DenseMatrix,
  rank: number,
  form: QuantizeOptions,
): Split {
  const quantized = quantize({ shape: [rows, columns], data }, form);
  const lost = difference(weight, valueOf({ quantized }));
  const { A, B } = valuesOf(leadingFactors(svd(lost), rank, 1));
  return {
    quantized,
    A: { shape: [rank, columns], data: A },
    B: { shape: [rows, rank], data: B },
  };
}

const valueOf = ({ quantized }: Pick<Split, "quantized">): DenseMatrix =>
  denseOf(dequantize(quantized));

const productOf = ({ A, B }: Pick<Split, "A" | "B">): DenseMatrix =>
  denseOf(deltaWeight({ A, B, scaling: 1 }));

function assertSplit({ shape }: HostTensor, rank: number, iterations: number): void {
  if (shape.length !== 2) {
    throw new ShapeError(`loftq needs a weight of two axes, found ${formatShape(shape)}`);
  }
  const most = Math.min(...shape),
    isCount = (value: number) => Number.isInteger(value) && value > 0;
  if (!isCount(rank) || rank > most) {
    throw new RangeError(
      `the rank of loftq must be a whole number from 1 to ${most}, found ${quote(rank)}`,
    );
  }
  if (isCount(iterations)) return;
  throw new RangeError(
    `iterations of loftq must be a whole number of at least 1, found ${quote(iterations)}`,
  );
}

/**
 * Like `injectLora` on a base in 4 bits, but A and B begin at what quantizing has taken from its weights:
 * s B A is the best approximation of W − W₄ of rank r (Li et al. 2023). The base stays as it is, so its files and
 * other adapters still fit. That is one iteration of LoftQ on a base that was quantized from W, as in PEFT's
 * `replace_lora_weights_loftq`, and the last one of more on a base with the weights in 4 bits of {@link loftq}.
 *
 * Cost: a singular value decomposition of every adapted weight on the host.
 *
 * @param floats The folder of W, which the base was quantized from.
 * @throws {RangeError} when `injectLora` would, a scaling is not positive, a weight is not in 4 bits, or the folder
 * has no floats that fit, or those of another model.
 * @throws {TypeError} when an option does not exist, or both `sites` and `targetModules` are given.
 */
export async function injectLoftq(
  model: Model,
  floats: string,
  options: WeightStartOptions,
): Promise<LoraAdapter> {
  const plans: LoraPlan[] = [], asked = plansOf(model, "injectLoftq", options);
  for (const plan of asked) assertFourBits(plan);
  using base = await openBase(floats);
  for (const plan of asked) plans.push({ ...plan, ...await startOf(base, plan) });
  assertFree(model, options, "injectLoftq"); // Another may have come while weights were read.
  return new LoraAdapter(model, plans, injectedParts(model, plans, options));
}

/** On floats nothing was lost: A and B would be zero, and neither would ever be trained. */
function assertFourBits({ site: { name, linear }, scaling }: LoraPlan): void {
  assertPositive("LoftQ", scaling, name);
  if (linear.weight instanceof FourBitWeight) return;
  throw new RangeError(`injectLoftq needs weights in 4 bits, found floats on ${name}`);
}

/** A and B of what is lost in the rows of a site. */
async function startOf(base: BaseFile, plan: LoraPlan): Promise<Pick<LoraPlan, "A" | "B">> {
  const { site: { linear, rows }, rank, scaling } = plan, [outputs, inputs] = linear.extents;
  const { key, isTransposed } = base.locate({
    ...{ module: linear.name, rows, outputs },
    A: { shape: [rank, inputs] },
    B: { shape: [countRows(rows), rank] },
  });
  if (base.quantized.has(key)) {
    throw new RangeError(
      `LoftQ needs the floats that a base was quantized from, found weights in 4 bits in ${base.folder}`,
    );
  }
  const stored = await base.file.read(key), whole = isTransposed ? transpose(stored) : stored;
  const W = denseOf(gather(whole, indicesOf(rows))), lost = difference(W, await weightAt(plan));
  assertOwnFloats(base.folder, key, frobeniusNorm(lost) / frobeniusNorm(W));
  return valuesOf(leadingFactors(svd(lost), rank, scaling));
}

/** Quantizing takes 9 to 14% of usual weights; another model is further away than half of them. */
function assertOwnFloats(folder: string, key: string, share: number): void {
  if (!(share > 0.5)) return; // Zeros have no share.
  throw new RangeError(
    `LoftQ needs the floats that a base was quantized from, found ${
      oneLine(key)
    } in ${folder} that is ` +
      `${(100 * share).toFixed(0)}% of its norm away from the base`,
  );
}

/**
 * LoRA, which may also begin at a part of the weights or, with LoftQ, at what quantizing has taken from them, as
 * PEFT's `init_lora_weights` says.
 */
export interface LoraSpec extends Omit<LoraOptions, "seed" | "init"> {
  /** Initial values of A and B. Default `kaiming`. */
  readonly init?: LoraOptions["init"] | "pissa" | "olora" | "loftq";
}

/** LoRA that begins at weights, of the model or of the folder of its floats. */
const weightStarts = {
  pissa: injectPissa,
  olora: injectOlora,
  loftq: (model: Model, options: WeightStartOptions, floats?: string) => {
    if (floats !== undefined) return injectLoftq(model, floats, options);
    throw new RangeError(
      "LoftQ needs the folder of the floats that a base was quantized from, found none",
    );
  },
} as const;

/** Injects LoRA as a specification says. */
export async function startLora(
  model: Model,
  { init, ...options }: LoraSpec,
  seed: number,
  floats?: string,
): Promise<LoraAdapter> {
  if (isWeightStart(init)) return await weightStarts[init](model, options, floats);
  return injectLora(model, { ...options, init, seed });
}

/** The same without values that are computed from weights. */
export function allocateLora(
  model: Model,
  { init, ...options }: LoraSpec,
  seed: number,
): LoraAdapter {
  if (isWeightStart(init)) return allocateAtWeights(model, init, options, init !== "loftq");
  return injectLora(model, { ...options, init, seed });
}

const isWeightStart = (init: LoraSpec["init"]): init is keyof typeof weightStarts =>
  typeof init === "string" && Object.hasOwn(weightStarts, init);
