/** Virtual tokens, which an adapter puts before every sequence. @module */

import type { AttentionInputs, FirstRows } from "../autograd/mod.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";

/** What the blocks of a model are, for virtual tokens. */
export interface BlockShape {
  /** How many there are. */
  readonly count: number;
  /** Width of what each reads. */
  readonly width: number;
  /** Heads of queries. */
  readonly heads: number;
  /** Heads of keys, as many of values, and the width of either; absent where attention needs more of a token. */
  readonly keys?: { readonly heads: number; readonly width: number };
}

/**
 * Virtual tokens at the beginning of every sequence. A model computes them as other tokens; what an adapter trains
 * of them takes the place of what was computed, at one of three places.
 */
export interface VirtualTokens {
  /** How many there are. */
  readonly count: number;
  /** What is trained of them, (count, values of each). */
  readonly parameter: Parameter | undefined;
  /** Whether a classifier that reads the first token of a sequence reads the first of them. */
  readonly areRead: boolean;
  /** Changes the embeddings of words (rows, width), before positions are added. */
  words?(tape: Tape, x: Tensor, rows: FirstRows): Tensor;
  /** Changes what a block reads, (rows, width). */
  states?(tape: Tape, x: Tensor, rows: FirstRows, block: number): Tensor;
  /** Changes a block's keys and values; releases what it replaces. */
  keysAndValues?(
    tape: Tape,
    inputs: AttentionInputs,
    rows: FirstRows,
    block: number,
  ): AttentionInputs;
}

/** The virtual tokens of a pass. */
export interface PlacedTokens {
  /** What they are. */
  readonly tokens: VirtualTokens;
  /** Where they are, among the rows of all tokens. */
  readonly rows: FirstRows;
}
