/**
 * The second moment of a layer's real inputs, which is the metric in which its updates act; and the
 * weights of a base model that an adapter changes, read without a device.
 *
 * @module
 */

import { type InputSpread, inputSpread } from "../analysis/mod.ts";
import { Tape } from "../autograd/mod.ts";
import type { Batch, ModelInputs } from "../core/batch.ts";
import { assertOptions } from "../core/checks.ts";
import type { HostTensor } from "../core/tensor.ts";
import { indicesOf, type LowRankUpdate } from "../core/update.ts";
import type { Tensor } from "../device/device.ts";
import { gather } from "../formats/peft/comparable.ts";
import { type DenseMatrix, multiply, transposed, zeros } from "../linalg/mod.ts";
import { openBase } from "../models/base_file.ts";
import { transpose } from "../models/layers.ts";
import type { Model } from "../models/mod.ts";

/** Options of {@link secondMoments}. */
export interface SecondMomentsOptions {
  /** Subtract E[x] E[x]ᵀ, so that S is the inputs' covariance. Default false. */
  readonly centered?: boolean;
}

/** S of a layer, `(in, in)`. */
export interface SecondMoment extends DenseMatrix {
  /** The share of one direction, with a sentence where it outweighs the others. */
  readonly spread: InputSpread;
}

/**
 * S = E[x xᵀ], `(in, in)`, over the inputs x of some of a model's linear layers, from its own forward
 * passes, for `inActivationMetric`. Each row of a batch counts up to its last label that is scored: the
 * rest is padding. What a layer sees depends on the adapters of the layers below; to compare adapters,
 * give the base alone.
 *
 * In a real decoder one direction, that of the mean, can hold most of S: `spread.note` says so, and with `centered`
 * it is E[x xᵀ] − E[x] E[x]ᵀ instead.
 *
 * @param names Paths of the layers, such as `transformer.h.0.attn.c_attn`.
 * @returns S by the layer's path.
 * @throws {RangeError} when the model has no layer of a name, or no token is scored.
 * @throws {TypeError} when an option does not exist.
 *
 * @example
 * ```ts
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 * import { secondMoments } from "@lowrank/core/inspect";
 *
 * using device = await openDevice();
 * const config = parseGpt2Config({ vocab_size: 8, n_positions: 8, n_embd: 8, n_layer: 1, n_head: 2 });
 * using model = initGpt2(device, config, { seed: 1 });
 * const tokens = { shape: [1, 3], data: Uint32Array.of(1, 2, 3) };
 * const targets = { shape: [1, 3], data: Int32Array.of(2, 3, -100) };
 * const name = "transformer.h.0.attn.c_attn";
 * const moments = await secondMoments(model, [name], [{ inputs: { tokens }, targets }]);
 * console.log(moments.get(name)!.rows); // 8
 * ```
 */
export async function secondMoments(
  model: Model<ModelInputs>,
  names: readonly string[],
  batches: Iterable<Batch>,
  options: SecondMomentsOptions = {},
): Promise<Map<string, SecondMoment>> {
  assertOptions("secondMoments", options, { centered: true });
  const weights = names.map((name) => weightOf(model, name));
  const sums = weights.map(({ shape: [, width] }) => ({
    squares: zeros(width, width),
    inputs: new Float64Array(width),
  }));
  let count = 0;
  for (const batch of batches) {
    const places = realPlaces(batch.targets);
    const inputs = await readInputs(model, weights.map(({ name }) => name), batch);
    inputs.forEach((input, i) => addTo(sums[i], rowsAt(input, places)));
    count += places.length;
  }
  if (count === 0) throw new RangeError("second moments need a token that is scored, found none");
  return new Map(names.map((name, i) => [name, momentOf(sums[i], count, options)]));
}

/** Sums over inputs: of x xᵀ, and of x. */
interface Sums {
  readonly squares: DenseMatrix;
  readonly inputs: Float64Array;
}

/** The mean of the squares, less the square of the mean if it is to be centered. */
function momentOf(
  { squares, inputs }: Sums,
  count: number,
  { centered = false }: SecondMomentsOptions,
): SecondMoment {
  const mean = inputs.map((sum) => centered ? sum / count : 0), width = inputs.length;
  const data = squares.data.map((sum, at) =>
    sum / count - mean[Math.floor(at / width)] * mean[at % width]
  );
  const secondMoment = { ...squares, data };
  return { ...secondMoment, spread: inputSpread({ secondMoment }) };
}

function weightOf({ linears }: Model<ModelInputs>, name: string) {
  const linear = linears.find((one) => one.name === name);
  if (linear) return linear.weight;
  throw new RangeError(`second moments need the path of a linear layer, found ${name}`);
}

/** Each weight's input (batch · time, in), read before the tape frees it. */
async function readInputs(
  model: Model<ModelInputs>,
  weights: readonly string[],
  { inputs }: Batch,
): Promise<HostTensor[]> {
  const seen = new Map<string, Tensor>();
  const onLinear = (weight: string, input: Tensor) => seen.set(weight, input);
  using tape = new Tape(model.device, { record: false, onLinear });
  model.forward(tape, inputs);
  return await model.device.read(...weights.map((weight) => seen.get(weight)!));
}

/** Places (row-major) of a text's tokens: in each row those up to the last one that is scored. */
export function realPlaces({ shape: [rows, length], data }: HostTensor): number[] {
  const places: number[] = [];
  for (let row = 0; row < rows; row++) {
    const targets = data.subarray(row * length, (row + 1) * length);
    const end = targets.findLastIndex((target) => target >= 0);
    for (let at = 0; at <= end; at++) places.push(row * length + at);
  }
  return places;
}

function rowsAt({ shape: [, columns], data }: HostTensor, places: readonly number[]): DenseMatrix {
  const rows = zeros(places.length, columns);
  places.forEach((place, i) => {
    rows.data.set(data.subarray(place * columns, (place + 1) * columns), i * columns);
  });
  return rows;
}

/** Adds Xᵀ X, and the rows of X. */
function addTo({ squares: { data }, inputs }: Sums, x: DenseMatrix): void {
  const square = multiply(transposed(x), x).data;
  for (let i = 0; i < data.length; i++) data[i] += square[i];
  x.data.forEach((value, at) => inputs[at % x.columns] += value);
}

/** The weights that updates change. The caller disposes of it. */
export interface BaseWeights extends Disposable {
  /**
   * Reads the weight of an update, (out, in), and no other; throws a `RangeError` that names the module if
   * the base has none that fits, or neither its architecture nor its shape says which axis is the output.
   */
  weightOf(update: LowRankUpdate): Promise<HostTensor>;
}

/**
 * Opens the weights in a Hugging Face folder of any family, in F32, F16 or BF16, whole or sharded. Only
 * headers are read.
 *
 * @throws {Error} when the folder does not hold a model in safetensors files.
 */
export async function openBaseWeights(folder: string): Promise<BaseWeights> {
  const base = await openBase(folder);
  return {
    weightOf: async (update) => {
      const { key, isTransposed } = base.locate(update), stored = await base.file.read(key);
      const whole = isTransposed ? transpose(stored) : stored;
      return update.rows ? gather(whole, indicesOf(update.rows)) : whole;
    },
    [Symbol.dispose]: () => base[Symbol.dispose](),
  };
}
