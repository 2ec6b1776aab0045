/** Keys and values of the tokens so far, so that each new token costs the work of one token. @module */

import { embeddingForward } from "../../kernels/embedding/kernel.ts";
import { attend, type AttentionInputs } from "../autograd/ops/attention.ts";
import { assertWindow, type ColumnWindow, copyColumns } from "../autograd/ops/product.ts";
import type { Tape } from "../autograd/tape.ts";
import { ShapeError } from "../core/errors.ts";
import type { Device, Tensor } from "../device/device.ts";
import { Scope } from "../device/arena.ts";
import { zero } from "../device/base.ts";

/** Extents of a cache. */
export interface CacheShape {
  /** Number of transformer blocks. */
  readonly layers: number;
  /** Number of sequences. */
  readonly batch: number;
  /** Most tokens per sequence. */
  readonly capacity: number;
  /** Width of keys and of values: the model's, or that of its key-value heads if these are fewer. */
  readonly width: number;
}

/** Neighboring sequences of a cache. */
interface Span {
  readonly first: number;
  readonly batch: number;
}

/**
 * Holds the rows [k | v] of every token so far, (batch · capacity, 2 · width) per layer.
 *
 * Sequences may differ in length after {@link KeyValueCache.clear}. The mask of a pass then hides from each what
 * it does not have: zeros, as a hidden key still multiplies its value by 0, which would keep a NaN.
 */
export class KeyValueCache extends Scope {
  readonly #shape: CacheShape;
  readonly #lengths: number[];
  #layers: Tensor[];
  #spare: Tensor;
  #zeros: Tensor | undefined;
  #span: Span;

  /** Makes room for `capacity` tokens. */
  constructor(device: Device, shape: CacheShape) {
    super(device);
    this.#shape = shape;
    this.#span = { first: 0, batch: shape.batch };
    const rows = () =>
      this.allocate([shape.batch * shape.capacity, 2 * shape.width], "f32", "activation", "cache");
    this.#layers = Array.from({ length: shape.layers }, rows);
    this.#spare = rows();
    this.#lengths = new Array(shape.batch).fill(0); // After the device has refused more than it has.
  }

  /** Tokens so far of the longest sequence of a pass. */
  get length(): number {
    const { first, batch } = this.#span;
    return Math.max(...this.#lengths.slice(first, first + batch));
  }

  /** Counts `tokens` more of each sequence of a pass; call it after all layers have seen them. */
  advance(tokens: number): void {
    const { first, batch } = this.#span;
    for (let i = first; i < first + batch; i++) this.#lengths[i] += tokens;
  }

  /** Empties all sequences, and from then on has zeros wherever it has no token. */
  clear(): void {
    this.#lengths.fill(0);
    this.#zeros ??= this.allocate(
      [this.#shape.capacity, 2 * this.#shape.width],
      "f32",
      "activation",
      "no tokens",
    );
    for (const tensor of [this.#zeros, ...this.#layers]) zero(tensor);
  }

  /** Says that passes are of `batch` sequences from `first` on; of all until it is called. */
  select(first: number, batch: number): void {
    this.#span = { first, batch };
  }

  /** Forgets a sequence's tokens after the first `length`: padding, or all of them. */
  cut(sequence: number, length: number): void {
    const rows = this.#lengths[sequence] - length;
    for (const tensor of this.#layers) this.#copy(this.#zeros!, tensor, rows, 0, sequence, length);
    this.#lengths[sequence] = length;
  }

  /** Forgets all of a sequence, and what a pass that failed left behind its tokens. */
  empty(sequence: number): void {
    const { capacity } = this.#shape;
    for (const tensor of this.#layers) this.#copy(this.#zeros!, tensor, capacity, 0, sequence);
    this.#lengths[sequence] = 0;
  }

  /** Gives a sequence's tokens to another one, which must be empty. */
  move(from: number, to: number): void {
    const rows = this.#lengths[from];
    for (const tensor of this.#layers) {
      // By way of the spare: a launch must not read the buffer that it writes.
      this.#copy(tensor, this.#spare, rows, from, 0);
      this.#copy(this.#spare, tensor, rows, 0, to);
    }
    this.#lengths[to] = rows;
    this.cut(from, 0);
  }

  #copy(x: Tensor, y: Tensor, rows: number, from: number, to: number, token = 0): void {
    const { capacity } = this.#shape, width = 2 * this.#shape.width;
    const places = { rows, fromRow: from * capacity, toRow: to * capacity + token };
    if (rows > 0) copyColumns({ tensor: x, width }, { tensor: y, width }, places);
  }

  /**
   * Appends the new tokens' keys and values to a layer and attends from the new tokens to all so far.
   *
   * @throws {ShapeError} when the shapes of q, k or v do not fit the cache, the number of its heads does not
   * divide `heads`, or the mask does not fit its keys.
   * @throws {RangeError} when there is no room for the new tokens, or the tape records.
   */
  attend(
    tape: Tape,
    layer: number,
    inputs: AttentionInputs,
    heads: number,
    mask?: Tensor,
  ): Tensor {
    const { capacity, width } = this.#shape, { first, batch } = this.#span;
    const queries = Math.floor(inputs.q.tensor.shape[0] / batch), keys = this.length + queries;
    this.#assertFits(tape, inputs, queries);
    this.#append(layer, inputs, queries);
    const tensor = this.#layers[layer], offset = first * capacity * 2 * width;
    const k = { tensor, offset, width }, v = { tensor, offset: offset + width, width };
    const extents = { batch, heads, queries, keys, kvRows: capacity, causal: true, mask };
    const { out, logSumExp } = attend(tape, { q: inputs.q, k, v }, extents);
    tape.release(logSumExp);
    return out;
  }

  /**
   * Makes sequence i continue the former sequence `parents[i]`: a step of beam search.
   *
   * @throws {RangeError} when a parent is not one of the sequences, or there is not one for each.
   */
  reorder(tape: Tape, parents: readonly number[]): void {
    const { batch, capacity, width } = this.#shape;
    const stranger = parents.findIndex((parent) =>
      !(Number.isInteger(parent) && parent >= 0 && parent < batch)
    );
    if (stranger >= 0) {
      throw new RangeError(
        `a parent must be a sequence below ${batch}, found ${parents[stranger]}`,
      );
    }
    const ids = tape.allocate([batch], "u32", "activation", "beam parents");
    tape.device.write(ids, Uint32Array.from(parents));
    const scalars = { count: batch, width: capacity * 2 * width, first: 0, rows: batch };
    const lengths = parents.map((parent) => this.#lengths[parent]);
    this.#lengths.splice(0, batch, ...lengths);
    this.#layers = this.#layers.map((table) => {
      const out = this.#spare;
      tape.device.launch(embeddingForward, { table, ids, out }, scalars);
      this.#spare = table;
      return out;
    });
  }

  #assertFits(tape: Tape, inputs: AttentionInputs, queries: number): void {
    const { capacity, width } = this.#shape, { batch } = this.#span, keys = this.length + queries;
    for (const name of ["q", "k", "v"] as const) {
      const window = inputs[name];
      if (tape.tracks(window.tensor)) {
        throw new RangeError("a cache needs a tape with record: false");
      }
      assertWindow(`${name} of ${batch} sequences`, window, batch * queries);
      if (name === "q" || window.width === width) continue;
      throw new ShapeError(
        `${name} must have the cache's width of ${width}, found ${window.width}`,
      );
    }
    if (keys > capacity) {
      throw new RangeError(`the cache holds ${capacity} tokens per sequence, found ${keys}`);
    }
  }

  #append(layer: number, { k, v }: AttentionInputs, tokens: number): void {
    const { capacity, width } = this.#shape, { first, batch } = this.#span;
    const tensor = this.#layers[layer];
    for (let i = 0; i < batch; i++) {
      const sequence = first + i, toRow = sequence * capacity + this.#lengths[sequence];
      const options = { rows: tokens, fromRow: i * tokens, toRow };
      if (areNeighbors(k, v)) {
        copyColumns({ ...k, width: 2 * width }, { tensor, width: 2 * width }, options);
      } else {
        copyColumns(k, { tensor, width }, options);
        copyColumns(v, { tensor, offset: width, width }, options);
      }
    }
  }
}

/**
 * True if the columns of v follow those of k, as in a fused projection: one copy suffices for both.
 */
function areNeighbors(k: ColumnWindow, v: ColumnWindow): boolean {
  return k.tensor === v.tensor && (k.offset ?? 0) + k.width === (v.offset ?? 0);
}
