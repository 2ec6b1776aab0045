/** Keys and values of the tokens so far, so that each new token costs one token's work. @module */

import { attentionForward } from "../../kernels/attention/kernel.ts";
import { scaleAdd } from "../../kernels/elementwise/kernel.ts";
import { embeddingForward } from "../../kernels/embedding/kernel.ts";
import { assertShape } from "../core/shape.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Device } from "../device/device.ts";
import { Scope } from "../device/scope.ts";
import type { Tensor } from "../device/tensor.ts";

/** Extents of a cache. */
export interface CacheShape {
  /** Number of transformer blocks. */
  readonly layers: number;
  /** Number of sequences. */
  readonly batch: number;
  /** Most tokens of a sequence. */
  readonly capacity: number;
  /** Width of the model. */
  readonly width: number;
}

/**
 * Holds the rows [q | k | v] of every token so far, (batch, capacity, 3 · width) a layer: q is kept
 * along so that a step appends with one copy a sequence.
 */
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
      this.allocate([shape.batch, shape.capacity * 3 * shape.width], "f32", "activation", "cache");
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
   * Appends the new tokens' rows to a layer and attends from them to all so far.
   *
   * @throws {RangeError} when they do not fit, or were to be differentiated.
   */
  attend(tape: Tape, layer: number, qkv: Tensor, heads: number, mask?: Tensor): Tensor {
    const { batch, capacity, width } = this.#shape;
    const time = qkv.shape[0] / batch, keys = this.#length + time;
    this.#assertFits(tape, qkv, keys);
    this.#append(layer, qkv, time);
    const out = tape.activation([batch * time, width], "attention");
    const logSumExp = tape.activation([batch * heads * time], "attention log sum exp");
    const kv = this.#layers[layer], headWidth = width / heads;
    tape.device.launch(
      attentionForward,
      { q: qkv, k: kv, v: kv, mask: mask ?? qkv, out, logSumExp },
      {
        batch,
        heads,
        headWidth,
        queries: time,
        keys,
        past: this.#length,
        qStride: 3 * width,
        qOffset: 0,
        kvStride: 3 * width,
        kOffset: width,
        vOffset: 2 * width,
        kvRows: capacity,
        scale: 1 / Math.sqrt(headWidth),
        causal: 1,
        hasMask: mask ? 1 : 0,
      },
    );
    return out;
  }

  /** Makes sequence i continue what was sequence `parents[i]`: a step of beam search. */
  reorder(tape: Tape, parents: readonly number[]): void {
    const { batch, capacity, width } = this.#shape;
    const ids = tape.allocate([batch], "u32", "activation", "beam parents");
    tape.device.write(ids, Uint32Array.from(parents));
    const scalars = { count: batch, width: capacity * 3 * width };
    this.#layers = this.#layers.map((table) => {
      const out = this.#spare;
      tape.device.launch(embeddingForward, { table, ids, out }, scalars);
      this.#spare = table;
      return out;
    });
  }

  #assertFits(tape: Tape, qkv: Tensor, keys: number): void {
    const { batch, capacity, width } = this.#shape;
    if (tape.tracks(qkv)) throw new RangeError("a cache needs a tape with record: false");
    const time = Math.ceil(keys - this.#length);
    assertShape(`q, k and v of ${batch} sequences`, qkv.shape, [batch * time, 3 * width]);
    if (keys > capacity) {
      throw new RangeError(`the cache holds ${capacity} tokens a sequence, found ${keys}`);
    }
  }

  #append(layer: number, qkv: Tensor, time: number): void {
    const { batch, capacity, width } = this.#shape;
    const size = time * 3 * width;
    for (let row = 0; row < batch; row++) {
      this.device.launch(scaleAdd, { x: qkv, y: this.#layers[layer] }, {
        size,
        xOffset: row * size,
        yOffset: (row * capacity + this.#length) * 3 * width,
        alpha: 1,
        accumulate: 0,
      });
    }
  }
}
