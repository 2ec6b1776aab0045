/** The layers that architectures are made of, with their tensors. @module */

import { mostBlocks } from "../core/limits.ts";
import type { SiteRole } from "../core/site.ts";
import type { LayerParts, LayerSpec, LinearSpec, TensorSpec } from "./architecture.ts";

/** Extents of a weight, (out, in). */
type MatrixShape = readonly [outputs: number, inputs: number];

/** What differs between linear layers. */
interface LinearOptions {
  /** The role of all rows, or the rows of each role; a layer may have none. */
  readonly parts?: SiteRole | LayerParts;
  /** Whether it has a bias. Default true. */
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
