/** Multi-head self-attention between an input and an output projection. @module */

import {
  attention,
  type AttentionInputs,
  type ColumnWindow,
  dropout,
  embedding,
  fusedInputs,
  type PackedSequences,
} from "../autograd/mod.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import type { KeyValueCache } from "./key_value_cache.ts";
import type { Linear } from "./linear.ts";
import type { RotaryPositions } from "./rotary.ts";
import { computedRows, type PlacedTokens } from "./virtual_tokens.ts";

/** Where several packed sequences begin alike, and x has these tokens once; on the device, u32. */
export interface SharedTokens {
  /** For each token of all sequences, its row of x. */
  readonly places: Tensor;
  /** For each row of x, a token of all sequences. */
  readonly firsts: Tensor;
}

/** What a block needs to know about its batch. */
export interface SequenceContext {
  /** Number of sequences. */
  readonly batch: number;
  /** New tokens per sequence; of the longest where they are packed. */
  readonly time: number;
  /** The sequences, where they are packed. */
  readonly sequences?: PackedSequences;
  /** Which of their tokens are computed, if not all are. */
  readonly shared?: SharedTokens;
  /** u32 (batch, keys): 0 hides a key. */
  readonly mask?: Tensor;
  /** Keys and values of earlier tokens, for generation. */
  readonly cache?: KeyValueCache;
  /** The positions by which queries and keys are turned, where they are. */
  readonly rotary?: RotaryPositions;
  /** The virtual tokens at the beginning of the sequences, if this pass begins them. */
  readonly virtual?: PlacedTokens;
}

/** From a block's input (batch · time, width) to queries, keys and values. */
export type QkvProjection = (tape: Tape, x: Tensor, context: SequenceContext) => AttentionInputs;

/** One projection that has q, k and v one after another, as in GPT-2. */
export const fusedProjection = (qkv: Linear): QkvProjection => (tape, x) =>
  fusedInputs(qkv.forward(tape, x));

/** A projection each for q, k and v. */
export const separateProjections =
  (q: Linear, k: Linear, v: Linear): QkvProjection => (tape, x) => {
    const window = (linear: Linear) => {
      const tensor = linear.forward(tape, x);
      return { tensor, width: tensor.shape[1] };
    };
    return { q: window(q), k: window(k), v: window(v) };
  };

/** The same, with queries and keys turned by their positions. */
export const rotaryProjections = (
  [q, k, v]: readonly Linear[],
  heads: number,
  kvHeads: number,
): QkvProjection =>
(tape, x, context) => {
  const plain = separateProjections(q, k, v)(tape, x, context), { rotary } = context;
  const turned = {
    q: rotary!.turn(tape, plain.q, heads),
    k: rotary!.turn(tape, plain.k, kvHeads),
    v: plain.v,
  };
  tape.release(plain.q.tensor, plain.k.tensor);
  return turned;
};

/** What attention is made of. */
export interface AttentionParts {
  /** Heads of queries. */
  readonly heads: number;
  /** Gives queries, keys and values. */
  readonly input: QkvProjection;
  /** Maps what was attended to back to the block's width. */
  readonly output: Linear;
  /** Whether a token sees only those before it. */
  readonly causal: boolean;
  /** Rate of dropout on the result. */
  readonly dropout: number;
}

/** Self-attention: q, k and v of the input, attention in each head, an output projection. */
export class SelfAttention {
  readonly #parts: AttentionParts;

  /** Takes the projections. */
  constructor(parts: AttentionParts) {
    this.#parts = parts;
  }

  /** Maps x (batch · time, width) to the same shape; `layer` is the block's index. */
  forward(tape: Tape, x: Tensor, context: SequenceContext, layer: number): Tensor {
    const { input, output, dropout: rate } = this.#parts, { virtual } = context;
    const computed = input(tape, x, context);
    const inputs = virtual?.tokens.keysAndValues?.(tape, computed, virtual.rows, layer) ??
      computed;
    const attended = this.#attend(tape, inputs, context, layer);
    tape.release(...new Set([inputs.q.tensor, inputs.k.tensor, inputs.v.tensor]));
    return tape.pipe(
      attended,
      (attended) => virtual ? computedRows(tape, attended, virtual) : attended,
      (attended) => output.forward(tape, attended),
      (y) => dropout(tape, y, rate),
    );
  }

  #attend(tape: Tape, inputs: AttentionInputs, context: SequenceContext, layer: number): Tensor {
    const { heads, causal } = this.#parts, { cache, mask, sequences, shared } = context;
    if (cache) return cache.attend(tape, layer, inputs, heads, mask);
    if (shared) {
      return attendShared(
        tape,
        inputs,
        shared,
        (all) => attention(tape, all, { sequences: sequences!, heads, causal }),
      );
    }
    return attention(tape, inputs, { ...sequences ? { sequences } : context, heads, causal });
  }
}

/** Attention of all tokens, of copies of the rows of those that are computed, and of its result the rows of these. */
function attendShared(
  tape: Tape,
  { q, k, v }: AttentionInputs,
  { places, firsts }: SharedTokens,
  attend: (inputs: AttentionInputs) => Tensor,
): Tensor {
  const copies = new Map<Tensor, Tensor>();
  const ofAll = ({ tensor, ...window }: ColumnWindow): ColumnWindow => ({
    ...window,
    tensor: copies.getOrInsertComputed(tensor, () => embedding(tape, tensor, places)),
  });
  const attended = attend({ q: ofAll(q), k: ofAll(k), v: ofAll(v) });
  tape.release(...copies.values());
  return tape.pipe(attended, (all) => embedding(tape, all, firsts));
}
