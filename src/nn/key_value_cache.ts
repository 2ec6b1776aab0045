/** Keys and values of the tokens so far, so that each new token costs the work of one token. @module */

import { embeddingForward } from "../../kernels/embedding/kernel.ts";
import { attend, type AttentionInputs } from "../autograd/ops/attention.ts";
import { assertWindow, type ColumnWindow, copyColumns } from "../autograd/ops/columns.ts";
import type { Tape } from "../autograd/tape.ts";
import { ShapeError } from "../core/errors.ts";
import type { Device, Tensor } from "../device/device.ts";
import { Scope } from "../device/scope.ts";

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

/** Holds the rows [k | v] of every token so far, (batch · capacity, 2 · width) per layer. */
export class KeyValueCache extends Scope {
  readonly #shape: CacheShape;
  #layers: Tensor[];
  #spare: Tensor;
  #length = 0;

  /** Makes room for `capacity` tokens. */
  constructor(device: Device, shape: CacheShape) {
    super(device);
    this.#shape = shape;
    const rows = () =>
      this.allocate([shape.batch * shape.capacity, 2 * shape.width], "f32", "activation", "cache");
    this.#layers = Array.from({ length: shape.layers }, rows);
    this.#spare = rows();
  }

  /** Tokens of each sequence so far. */
  get length(): number {
    return this.#length;
  }

  /** Counts `tokens` more; call it after all layers have seen them. */
  advance(tokens: number): void {
    this.#length += tokens;
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
    const { batch, capacity, width } = this.#shape;
    const queries = Math.floor(inputs.q.tensor.shape[0] / batch), keys = this.#length + queries;
    this.#assertFits(tape, inputs, queries);
    this.#append(layer, inputs, queries);
    const tensor = this.#layers[layer];
    const k = { tensor, width }, v = { tensor, offset: width, width };
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
    this.#layers = this.#layers.map((table) => {
      const out = this.#spare;
      tape.device.launch(embeddingForward, { table, ids, out }, scalars);
      this.#spare = table;
      return out;
    });
  }

  #assertFits(tape: Tape, inputs: AttentionInputs, queries: number): void {
    const { batch, capacity, width } = this.#shape, keys = this.#length + queries;
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
    const { batch, capacity, width } = this.#shape, tensor = this.#layers[layer];
    for (let sequence = 0; sequence < batch; sequence++) {
      const rows = { rows: tokens, fromRow: sequence * tokens };
      const options = { ...rows, toRow: sequence * capacity + this.#length };
      if (areNeighbors(k, v)) {
        copyColumns({ ...k, width: 2 * width }, { tensor, width: 2 * width }, options);
      } else {
        copyColumns(k, { tensor, width }, options);
        copyColumns(v, { tensor, offset: width, width }, options);
      }
    }
  }
}

/** Whether the columns of v follow those of k, as in a fused projection: one copy suffices for both. */
function areNeighbors(k: ColumnWindow, v: ColumnWindow): boolean {
  return k.tensor === v.tensor && (k.offset ?? 0) + k.width === (v.offset ?? 0);
}
