/**
 * An architecture as data: the layers that architectures are made of, with their tensors, the
 * blocks that contain them, and the layers in which a method leaves something out.
 *
 * @module
 */

import { isText } from "../core/checks.ts";
import { quote } from "../core/errors.ts";
import { mostBlocks } from "../core/limits.ts";
import { howMany } from "../core/numbers.ts";
import type { SiteRole, SiteRows } from "../core/update.ts";
import type { HeadKind } from "./config_fields.ts";

// Architectures.

/** One tensor of a model. */
export interface TensorSpec {
  /** Its name in Hugging Face's files. */
  readonly name: string;
  /** Its shape in this toolkit, outermost first; weights of linear layers are (out, in). */
  readonly shape: readonly number[];
  /** True if files hold it transposed, as (in, out): the weights of GPT-2's Conv1D layers. */
  readonly storedTransposed?: boolean;
}

/** A module that holds tensors. */
export type LayerSpec = LinearSpec | OtherLayerSpec;

/** A layer that no low-rank update changes. */
export interface OtherLayerSpec {
  /** Its path, such as `transformer.h.0.ln_1`. */
  readonly name: string;
  /** Kind of the layer. */
  readonly kind: "norm" | "other";
  /** Its tensors, the weight before the bias. */
  readonly tensors: readonly TensorSpec[];
}

/** The output rows of a weight by what they do: GPT-2's fused `c_attn` has `q`, `k` and `v`. */
export type LayerParts = Readonly<Partial<Record<SiteRole, SiteRows>>>;

/**
 * A layer whose weight is one matrix, which a low-rank update can change: a linear layer, a head (the
 * last linear layer, which PEFT does not adapt), or an embedding, which is linear in one-hot tokens.
 */
export interface LinearSpec extends Omit<OtherLayerSpec, "kind"> {
  /** Kind of the layer. */
  readonly kind: "linear" | "head" | "embedding";
  /** Rows of the weight in this toolkit; for an embedding, the number of tokens or positions. */
  readonly outputs: number;
  /** Columns of the weight in this toolkit. */
  readonly inputs: number;
  /**
   * Rows by role. A plain projection has one role with all rows, a fused one has several: contiguous
   * ranges in GPT-2, one range per head in DeBERTa v1. Embeddings and a few projections have none.
   */
  readonly parts: LayerParts;
}

/** Everything that a model's `config.json` says, apart from how to compute it. */
export interface Architecture {
  /** `model_type`; undefined if only the names of tensors are known. */
  readonly modelType: string | undefined;
  /** The head on top of the blocks. */
  readonly head: HeadKind;
  /**
   * Prefix of the names of the trunk's tensors where there is a head, such as `transformer.`; files
   * of the trunk alone leave it out. Empty if there is no such difference.
   */
  readonly trunk: string;
  /** The most tokens of a sequence; undefined where a configuration states no limit, or only names of tensors are known. */
  readonly positions?: number;
  /** All layers, in the order in which transformers registers them. */
  readonly layers: readonly LayerSpec[];
  /** Their tensors, a tied head once. */
  readonly tensors: readonly TensorSpec[];
  /** The layers whose weight is one matrix. */
  readonly linears: readonly LinearSpec[];
  /** Tensors that files may repeat: a tied head's weight. */
  readonly copies?: readonly string[];
  /** Tensors of other heads that files may have beside these: a new head may use them. */
  readonly besides?: readonly TensorSpec[];
  /** PEFT's default `target_modules`; empty if it has none. */
  readonly peftTargets: readonly string[];
}

/**
 * An architecture from its layers.
 *
 * @throws {RangeError} when there are 2^53 parameters or more, as sums are exact only below.
 */
export function architectureFrom(
  { layers, ...facts }: Omit<Architecture, "tensors" | "linears">,
): Architecture {
  const tensors = layers.flatMap((layer) => layer.tensors), total = countParameters(tensors);
  if (Number.isSafeInteger(total)) {
    return { ...facts, layers, tensors, linears: layers.filter((layer) => "parts" in layer) };
  }
  throw new RangeError(
    `a model must have fewer than 2^53 parameters to be counted, found about ${
      total.toExponential(1)
    }`,
  );
}

/** A tensor's name without what only models with a head put before it. */
export const bareName = (
  { trunk }: Pick<Architecture, "trunk">,
  { name }: Pick<TensorSpec, "name">,
): string => name.startsWith(trunk) ? name.slice(trunk.length) : name;

/** The number of values in tensors. */
export function countParameters(tensors: Iterable<Pick<TensorSpec, "shape">>): number {
  let total = 0;
  for (const { shape } of tensors) total += shape.reduce((product, extent) => product * extent, 1);
  return total;
}

/** The extents of a tensor in Hugging Face's files. */
export function storedShape({ shape, storedTransposed }: TensorSpec): readonly number[] {
  return storedTransposed ? shape.toReversed() : shape;
}

// Layers.

/** Extents of a weight, (out, in). */
type MatrixShape = readonly [outputs: number, inputs: number];

/** Options by which linear layers differ. */
interface LinearOptions {
  /** The role of all rows, or the rows of each role; a layer may have none. */
  readonly parts?: SiteRole | LayerParts;
  /** True if it has a bias. Default true. */
  readonly bias?: boolean;
}

/** A tensor that files do not hold transposed. */
export function tensor(name: string, ...shape: number[]): TensorSpec {
  return { name, shape };
}

/** `nn.Linear`: y = x Wᵀ + b. */
export function linear(
  name: string,
  shape: MatrixShape,
  { parts = {}, bias = true }: LinearOptions = {},
): LinearSpec {
  const weight = tensor(`${name}.weight`, ...shape), [outputs, inputs] = shape;
  return {
    name,
    kind: "linear",
    tensors: bias ? [weight, tensor(`${name}.bias`, outputs)] : [weight],
    outputs,
    inputs,
    parts: typeof parts === "string" ? { [parts]: { start: 0, count: outputs } } : parts,
  };
}

/** transformers' `Conv1D`: a linear layer whose weight is (in, out) in files. */
export function conv1d(name: string, shape: MatrixShape, parts: SiteRole | LayerParts): LinearSpec {
  const layer = linear(name, shape, { parts }), [weight, bias] = layer.tensors;
  return { ...layer, tensors: [{ ...weight, storedTransposed: true }, bias] };
}

/** A linear layer to tokens or classes, which PEFT's `all-linear` leaves out. */
export function head(name: string, shape: MatrixShape, { bias = false } = {}): LinearSpec {
  return { ...linear(name, shape, { parts: "head", bias }), kind: "head" };
}

/** `nn.Embedding`: a row for each token or position. */
export function embedding(name: string, shape: MatrixShape): LinearSpec {
  return { ...linear(name, shape, { bias: false }), kind: "embedding" };
}

/** A layer norm, or an RMS norm, which has no bias. */
export function norm(name: string, width: number, { bias = true } = {}): LayerSpec {
  const weight = tensor(`${name}.weight`, width);
  return {
    name,
    kind: "norm",
    tensors: bias ? [weight, tensor(`${name}.bias`, width)] : [weight],
  };
}

/** Any other tensors of one module. */
export function other(...tensors: TensorSpec[]): LayerSpec {
  return { name: moduleOf(tensors[0].name), kind: "other", tensors };
}

/** The module of a tensor: its name without `.weight` or `.bias`. */
export function moduleOf(tensor: string): string {
  return tensor.replace(/\.(weight|bias)$/, "");
}

/** Parts of a fused projection with q, k and v one after another, `width` rows each. */
export function fusedParts(width: number): LayerParts {
  return {
    q: { start: 0, count: width },
    k: { start: width, count: width },
    v: { start: 2 * width, count: width },
  };
}

/** Parts of a fused projection with q, k and v of `width` rows each for one head after the other. */
export function partsByHead(heads: number, width: number): LayerParts {
  const rows = (part: number) =>
    Array.from(
      { length: heads },
      (_, head) => ({ start: (3 * head + part) * width, count: width }),
    );
  return { q: rows(0), k: rows(1), v: rows(2) };
}

/**
 * The layers of `count` blocks; `block` returns those of one, by index.
 *
 * @throws {RangeError} when there are more than 10,000.
 */
export function repeat(count: number, block: (index: number) => LayerSpec[]): LayerSpec[] {
  if (count > mostBlocks) {
    throw new RangeError(`a model may have up to ${mostBlocks} layers here, found ${count}`);
  }
  return Array.from({ length: count }, (_, index) => block(index)).flat();
}

/** A list of blocks in a name: all before its first number. */
const listOf = /^(?:.*?\.)?(?=\d+(?:\.|$))/;

// Blocks.

/**
 * The paths of a model's blocks, in their order: `transformer.h.0` and so on of GPT-2. A block is what the first
 * number in the names of layers counts.
 *
 * @param layers An architecture's layers.
 * @param what Name of the feature that needs blocks, for the message of an error: `top layers`.
 * @throws {RangeError} when the layers are not one list of blocks, as those of an encoder beside a decoder are two.
 */
export function blocksOf(layers: readonly { readonly name: string }[], what: string): string[] {
  const lists = new Set(layers.map(({ name }) => listOf.exec(name)?.[0]).filter(isText));
  const [list, ...others] = lists;
  if (list === undefined || others.length > 0) {
    const found = [...lists].map((name) => name.replace(/\.$/, "")).join(" and ") || "none";
    throw new RangeError(`${what} need a model with one list of blocks, found ${found}`);
  }
  const numbers = layers.filter(({ name }) => name.startsWith(list))
    .map(({ name }) => parseInt(name.slice(list.length)));
  return [...new Set(numbers)].sort((a, b) => a - b).map((block) => `${list}${block}`);
}

/**
 * The paths of a model's last blocks, in their order: `transformer.h.10` and `transformer.h.11` of GPT-2.
 *
 * @param layers An architecture's layers.
 * @throws {RangeError} when the layers are not one list of blocks, or it is not that long.
 *
 * @example
 * ```ts
 * import { architectureOf, catalog, topBlocks } from "@lowrank/core/architectures";
 *
 * const { layers } = architectureOf(catalog["gpt2"].config);
 * console.log(topBlocks(layers, 2)); // transformer.h.10, transformer.h.11
 * ```
 */
export function topBlocks(layers: readonly { readonly name: string }[], count: number): string[] {
  const blocks = blocksOf(layers, "top layers");
  if (Number.isInteger(count) && count >= 1 && count <= blocks.length) return blocks.slice(-count);
  throw new RangeError(
    `layers must be a whole number from 1 to the model's ${blocks.length} blocks, found ${
      quote(count)
    }`,
  );
}

// Layers that are left out.

/**
 * Throws unless layers can have no bottleneck.
 *
 * @param leaveOut The layers without one, from 0.
 * @param layers Number of layers of the model.
 * @param variant Of which form they are: `drop` leaves out the lowest layers.
 * @throws {RangeError} when a layer does not exist, none would have a bottleneck, or `drop` leaves out none or
 * others than the lowest.
 */
export function assertLeftOut(leaveOut: readonly number[], layers: number, variant: string): void {
  const isLayer = (layer: unknown) =>
    Number.isInteger(layer) && 0 <= Number(layer) && Number(layer) < layers;
  if (!(Array.isArray(leaveOut) && leaveOut.every(isLayer))) {
    throw new RangeError(
      `leaveOut must list layers of the model's ${layers}, from 0, found ${quote(leaveOut)}`,
    );
  }
  if (new Set(leaveOut).size === layers) {
    throw new RangeError(
      `leaveOut must leave a layer with a bottleneck, found all ${
        howMany(layers, "layer")
      } left out`,
    );
  }
  if (variant === "drop" && !areLowest(leaveOut)) {
    throw new RangeError(
      `drop needs the lowest layers in leaveOut, such as [0, 1], found ${quote(leaveOut)}`,
    );
  }
}

/** True if layers are the lowest one or more. */
export function areLowest(layers: readonly number[]): boolean {
  const distinct = new Set(layers);
  return distinct.size > 0 && [...distinct].every((layer) => layer < distinct.size);
}
