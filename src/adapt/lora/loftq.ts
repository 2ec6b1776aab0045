/** LoftQ: updates that begin at what quantizing has taken from the weights. @module */

import { FourBitWeight } from "../../autograd/four_bit_weight.ts";
import { ShapeError } from "../../core/errors.ts";
import type { HostTensor } from "../../core/host_tensor.ts";
import { deltaWeight } from "../../core/low_rank_update.ts";
import { assertOptions } from "../../core/options.ts";
import { oneLine, quote } from "../../core/quote.ts";
import { countRows, indicesOf } from "../../core/row_range.ts";
import { formatShape } from "../../core/shape.ts";
import { gather } from "../../formats/join_updates.ts";
import { type DenseMatrix, denseOf, difference, frobeniusNorm, svd } from "../../linalg/mod.ts";
import { type BaseFile, openBase } from "../../models/base_file.ts";
import type { Model } from "../../models/model.ts";
import { transpose } from "../../models/transpose.ts";
import { dequantize } from "../../quant/dequantize.ts";
import { quantize, type QuantizeOptions } from "../../quant/quantize.ts";
import type { QuantizedTensor } from "../../quant/quantized_tensor.ts";
import { assertFree } from "../attach.ts";
import { LoraAdapter } from "./adapter.ts";
import { injectedParts } from "./injected_parts.ts";
import type { LoraPlan } from "./plan.ts";
import {
  assertPositive,
  leadingFactors,
  plansOf,
  valuesOf,
  weightAt,
  type WeightStartOptions,
} from "./weight_start.ts";

/** How {@link loftq} splits a weight. */
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
