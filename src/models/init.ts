/** Random initial weights for pretraining. @module */

import type { LayerSpec, LinearSpec } from "../architectures/architecture.ts";
import type { ConfigJson } from "../architectures/config_fields.ts";
import type { Gpt2Config } from "../architectures/families/gpt2.ts";
import { quote } from "../core/errors.ts";
import { Random } from "../core/random.ts";
import { type Shape, sizeOf } from "../core/tensor.ts";
import type { Device } from "../device/device.ts";
import { Gpt2 } from "./families/gpt2.ts";
import type { ModelOptions } from "./model.ts";
import { allocateModel } from "./registry.ts";
import type { TextModel } from "./text_model.ts";

/**
 * Sharpness of the first heads' attention: with more, they could hardly learn to look elsewhere.
 */
const gain = 1.5;

/**
 * Positions (positions, width): in the columns of each head with D columns, cosines and sines of the angles
 * π (j + ½) p / (D / 2) for j = 0, 1, …, of deviation `deviation`. Rows less than D apart are orthogonal there,
 * and a place further on is a rotation of each pair of columns, the same everywhere (Vaswani et al. 2017,
 * section 3.5).
 */
export function fourierPositions(
  [positions, width]: Shape,
  heads: number,
  deviation: number,
): Float32Array {
  return Float32Array.from({ length: positions * width }, (_, i) => {
    const column = i % width, angle = frequency(column, width / heads) * Math.floor(i / width);
    return deviation * Math.SQRT2 * (column % 2 === 0 ? Math.cos(angle) : Math.sin(angle));
  });
}

/** The angle from one position to the next, in a column. */
const frequency = (column: number, columns: number): number =>
  Math.PI * (Math.floor(column % columns / 2) + 0.5) / (columns / 2);

/** Offset of the token that a head attends to at first: −1, 1, −2, 2, … */
const offsetOf = (head: number): number => (head % 2 === 0 ? -1 : 1) * (Math.floor(head / 2) + 1);

/** A query projection (width, width): a multiple of the identity. */
export function plainQueries(width: number): Float32Array {
  return Float32Array.from({ length: width * width }, (_, i) => i % (width + 1) === 0 ? gain : 0);
}

/**
 * A key projection (width, width) by which each head looks at one place before or after its own: it turns the
 * positions of {@link fourierPositions} back by as many.
 */
export function turnedKeys(width: number, heads: number): Float32Array {
  const keys = new Float32Array(width * width), columns = width / heads;
  for (let even = 0; even < width; even += 2) {
    const angle = frequency(even, columns) * offsetOf(Math.floor(even / columns));
    const [cosine, sine] = [gain * Math.cos(angle), gain * Math.sin(angle)], odd = even + 1;
    keys[even * width + even] = cosine;
    keys[even * width + odd] = sine;
    keys[odd * width + even] = -sine;
    keys[odd * width + odd] = cosine;
  }
  return keys;
}

const embeddingDeviation = 0.1;

/**
 * A GPT-2 with random weights: matrices N(0, 1/fan-in), multiplied by 1/√(2 · layers) if they write to
 * the residual stream, as two in each block do (Radford et al. 2019, section 2.3); embeddings N(0, 0.1²),
 * norms 1, biases 0.
 *
 * The usual deviation, 0.02 everywhere, is close to 1/√fan-in at GPT-2's widths and far below it at small
 * ones.
 *
 * @throws {RangeError} when the seed is not a whole number in [0, 2^32).
 *
 * @example
 * ```ts
 * import { initGpt2, openDevice, parseGpt2Config } from "@lowrank/core";
 *
 * const sizes = { vocab_size: 64, n_positions: 16, n_embd: 8, n_layer: 2, n_head: 2 };
 * using device = await openDevice();
 * using model = initGpt2(device, parseGpt2Config({ model_type: "gpt2", ...sizes }), { seed: 1 });
 * console.log(model.parameters.size); // 28
 * ```
 */
export function initGpt2(
  device: Device,
  config: Gpt2Config,
  { seed, ...options }: ModelOptions & { readonly seed: number },
): Gpt2 {
  const random = new Random(seed), model = Gpt2.allocate(device, config, options);
  drawWeights(model, config.n_layer, random);
  return model;
}

/**
 * A BERT or RoBERTa with random weights, by the rule of {@link initGpt2}, but for where its first block looks:
 * positions start as a Fourier basis, by which the heads of the first block look one or two places to the
 * left or right, and token types start at 0. From random weights, masked language modeling first finds which
 * words occur together, and only thousands of steps later in which order.
 *
 * @throws {RangeError} when the family is another, a field is missing or not supported, or the seed is not a
 * whole number in [0, 2^32).
 *
 * @example
 * ```ts
 * import { openDevice } from "@lowrank/core";
 * import { initEncoder } from "@lowrank/core/models";
 *
 * using device = await openDevice();
 * const sizes = { vocab_size: 64, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 };
 * const others = { intermediate_size: 32, max_position_embeddings: 16 };
 * const kind = { model_type: "roberta", architectures: ["RobertaForMaskedLM"] };
 * using model = initEncoder(device, { ...kind, ...sizes, ...others }, { seed: 1 });
 * console.log(model.description); // RoBERTa of 1 block, width 8, 2 heads
 * ```
 */
export function initEncoder(
  device: Device,
  config: ConfigJson,
  { seed, ...options }: ModelOptions & { readonly seed: number },
): TextModel {
  const { model_type } = config;
  if (model_type !== "bert" && model_type !== "roberta") {
    throw new RangeError(
      `initEncoder needs model_type bert or roberta, found ${quote(model_type)}`,
    );
  }
  const random = new Random(seed), model = allocateModel(device, config, options);
  const { num_hidden_layers: blocks, num_attention_heads: heads } = config;
  drawWeights(model, blocks as number, random);
  writeFirstLooks(model, heads as number);
  return model;
}

/** Writes positions and token types, and the queries and keys of the first block. */
function writeFirstLooks({ device, parameters }: TextModel, heads: number): void {
  for (const { name, tensor, shape } of parameters.values()) {
    const values = firstLook(name, shape, heads);
    if (values) device.write(tensor, values);
  }
}

/** Initial values of a tensor that does not begin random. */
function firstLook(name: string, shape: Shape, heads: number): Float32Array | undefined {
  const [, width] = shape;
  if (name.endsWith(".layer.0.attention.self.query.weight")) return plainQueries(width);
  if (name.endsWith(".layer.0.attention.self.key.weight")) return turnedKeys(width, heads);
  if (name.endsWith(".token_type_embeddings.weight")) return new Float32Array(sizeOf(shape));
  if (name.endsWith(".position_embeddings.weight")) {
    return fourierPositions(shape, heads, embeddingDeviation);
  }
  return undefined;
}

function drawWeights(
  { device, architecture, parameters }: TextModel,
  blocks: number,
  random: Random,
) {
  const tensors = architecture.layers
    .flatMap((layer) => layer.tensors.map((tensor) => ({ layer, ...tensor })));
  for (const [index, { layer, name, shape }] of tensors.entries()) {
    if (name.endsWith(".bias")) continue; // Allocated tensors are already zero.
    const values = initialWeight(layer, sizeOf(shape), blocks, random.split(index));
    device.write(parameters.get(name)!.tensor, values);
  }
}

function initialWeight(
  layer: LayerSpec,
  size: number,
  blocks: number,
  random: Random,
): Float32Array {
  if (!("parts" in layer)) return new Float32Array(size).fill(1); // a norm's
  const deviation = deviationOf(layer, blocks);
  return Float32Array.from({ length: size }, () => deviation * random.normal());
}

function deviationOf({ kind, parts, inputs }: LinearSpec, blocks: number): number {
  if (kind === "embedding") return embeddingDeviation;
  const writesToResidual = parts.o || parts.down;
  return (writesToResidual ? 1 / Math.sqrt(2 * blocks) : 1) / Math.sqrt(inputs);
}
