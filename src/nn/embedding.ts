/**
 * An embedding that can be adapted, and virtual tokens, which an adapter puts before every
 * sequence.
 *
 * @module
 */

import type { AttentionInputs, FirstRows } from "../autograd/mod.ts";
import { embedding } from "../autograd/ops/embedding.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Weight } from "../autograd/weight.ts";
import type { Tensor } from "../device/device.ts";
import type { Adaptation, Linear, LinearParts } from "./linear.ts";

/** Ids to look up: on the host, or u32 on the device. */
export type Ids = ArrayLike<number> | Tensor;

/** A layer whose weight is one matrix: an embedding is linear in one-hot tokens. */
export type AdaptedLayer = Linear | Embedding;

/** The rows of a table by their numbers, changed by its adaptations: a linear layer of one-hot inputs. */
export class Embedding {
  /** Path of the module, such as `transformer.wte`. */
  readonly name: string;
  /** The table, (tokens, width): the transposed matrix of that linear layer. */
  readonly weight: Weight;
  /** It has no bias. */
  readonly bias: undefined;
  /** It has no parts. */
  readonly parts: LinearParts = {};
  /** The adaptations in force, in the order in which they are applied. */
  readonly adaptations: Adaptation<Ids>[] = [];

  /** Takes its table. */
  constructor(name: string, table: Weight) {
    this.name = name;
    this.weight = table;
  }

  /** Extents of an update, (width, tokens). */
  get extents(): readonly [outputs: number, inputs: number] {
    const [tokens, width] = this.weight.shape;
    return [width, tokens];
  }

  /** Maps ids to rows, (ids, width). */
  forward(tape: Tape, ids: Ids): Tensor {
    const rows = embedding(tape, this.weight, ids);
    const adapted = this.adaptations.map((adaptation) => (rows: Tensor) =>
      adaptation.forward(tape, ids, rows)
    );
    return tape.pipe(rows, ...adapted);
  }
}

/** Shape of a model's blocks, as virtual tokens need it. */
export interface BlockShape {
  /** Number of blocks. */
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
  /** Number of virtual tokens. */
  readonly count: number;
  /** Their trained values, (count, values of each). */
  readonly parameter: Parameter | undefined;
  /** True if blocks compute them, as other tokens: not where nothing reads the result. */
  readonly areComputed: boolean;
  /** True if a classifier that reads the first token of a sequence reads the first of them. */
  readonly areRead: boolean;
  /** Changes the embeddings of words (rows, width), before positions are added. */
  words?(tape: Tape, x: Tensor, rows: FirstRows): Tensor;
  /** Changes the states that a block reads, (rows, width). */
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
  /** The virtual tokens. */
  readonly tokens: VirtualTokens;
  /** Their rows, among the rows of all tokens. */
  readonly rows: FirstRows;
}

/** The rows of x (all tokens, width) that blocks compute. */
export const computedRows = (tape: Tape, x: Tensor, { tokens, rows }: PlacedTokens): Tensor =>
  tokens.areComputed ? x : embedding(tape, x, rows.others);
