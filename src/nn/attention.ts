/** Multi-head causal self-attention over a fused projection. @module */

import { attention, type AttentionInputs, dropout, fusedInputs } from "../autograd/mod.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import type { KeyValueCache } from "./key_value_cache.ts";
import type { Linear } from "./linear.ts";

/** What a block needs to know about its batch. */
export interface SequenceContext {
  /** Number of sequences. */
  readonly batch: number;
  /** New tokens per sequence. */
  readonly time: number;
  /** u32 (batch, keys): 0 hides a key. */
  readonly mask?: Tensor;
  /** Keys and values of earlier tokens, for generation. */
  readonly cache?: KeyValueCache;
}

/** Causal self-attention: a fused q, k, v projection, attention, an output projection. */
export class CausalSelfAttention {
  readonly #heads: number;
  readonly #qkv: Linear;
  readonly #output: Linear;
  readonly #dropout: number;

  /** Takes the projections. */
  constructor(heads: number, qkv: Linear, output: Linear, dropout: number) {
    this.#heads = heads;
    this.#qkv = qkv;
    this.#output = output;
    this.#dropout = dropout;
  }

  /** Maps x (batch · time, width) to the same shape; `layer` is the block's index in the cache. */
  forward(tape: Tape, x: Tensor, context: SequenceContext, layer: number): Tensor {
    return tape.pipe(
      this.#qkv.forward(tape, x),
      (qkv) => this.#attend(tape, fusedInputs(qkv), context, layer),
      (attended) => this.#output.forward(tape, attended),
      (y) => dropout(tape, y, this.#dropout),
    );
  }

  #attend(tape: Tape, inputs: AttentionInputs, context: SequenceContext, layer: number): Tensor {
    const heads = this.#heads, { cache, mask } = context;
    return cache
      ? cache.attend(tape, layer, inputs, heads, mask)
      : attention(tape, inputs, { ...context, heads, causal: true });
  }
}
