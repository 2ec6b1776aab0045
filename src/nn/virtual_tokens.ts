/** Virtual tokens, which an adapter puts before every sequence. @module */

import { type AttentionInputs, embedding, type FirstRows } from "../autograd/mod.ts";
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
 * Virtual tokens at the beginning of every sequence. What an adapter trains of them takes the place of what a model
 * computes, at one of three places. Where that is keys and values, blocks compute the other tokens alone, and attention
 * finds the virtual ones before them.
 */
export interface VirtualTokens {
  /** How many there are. */
  readonly count: number;
  /** What is trained of them, (count, values of each). */
  readonly parameter: Parameter | undefined;
  /** Whether blocks compute them, as other tokens: not where nothing reads what they would compute. */
  readonly areComputed: boolean;
  /** Whether a classifier that reads the first token of a sequence reads the first of them. */
  readonly areRead: boolean;
  /** Changes the embeddings of words (rows, width), before positions are added. */
  words?(tape: Tape, x: Tensor, rows: FirstRows): Tensor;
  /** Changes what a block reads, (rows, width). */
  states?(tape: Tape, x: Tensor, rows: FirstRows, block: number): Tensor;
  /** Changes a block's keys and values, or adds those of tokens that are not computed; releases what it replaces. */
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

/** The rows of x (all tokens, width) that blocks compute. */
export const computedRows = (tape: Tape, x: Tensor, { tokens, rows }: PlacedTokens): Tensor =>
  tokens.areComputed ? x : embedding(tape, x, rows.others);
