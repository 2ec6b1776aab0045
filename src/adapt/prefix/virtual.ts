/** What prefix methods train of virtual tokens, and where it acts. @module */

import {
  type AttentionInputs,
  embedding,
  type FirstRows,
  type Parameter,
} from "../../autograd/mod.ts";
import { replaceRows, type ReplacingRows } from "../../autograd/ops/replace_rows.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Tensor } from "../../device/device.ts";
import type { BlockShape, VirtualTokens } from "../../nn/virtual_tokens.ts";

/** A prefix method, by its name in specifications. */
export type PrefixKind = "prefix-embedding" | "prefix-layer" | "prefix-tuning";

/** Trained virtual tokens: a row of values for each. */
abstract class TrainedTokens {
  readonly parameter: Parameter;
  abstract readonly areRead: boolean;
  readonly areComputed: boolean = true;

  constructor(parameter: Parameter) {
    this.parameter = parameter;
  }

  get count(): number {
    return this.parameter.shape[0];
  }

  /** The `index`-th columns of a width, for the columns of x from `offset`. */
  protected columns(width: number, index: number, offset = 0): ReplacingRows {
    return { values: this.parameter, from: index * width, width, offset };
  }
}

/** The embeddings of words: d values for each token (Hu et al. 2021, section 5.1: PreEmbed). */
class VirtualWords extends TrainedTokens implements VirtualTokens {
  readonly areRead = true;

  words(tape: Tape, x: Tensor, rows: FirstRows): Tensor {
    return replaceRows(tape, x, [this.columns(x.shape[1], 0)], rows);
  }
}

/**
 * What each block reads: L · d values for each token (Hu et al. 2021, section 5.1: PreLayer). The paper replaces
 * activations after every layer; those after the last would change no other token.
 */
class VirtualStates extends TrainedTokens implements VirtualTokens {
  readonly areRead = false;

  states(tape: Tape, x: Tensor, rows: FirstRows, block: number): Tensor {
    return replaceRows(tape, x, [this.columns(x.shape[1], block)], rows);
  }
}

/**
 * Keys and values of each block: 2 · L · d_kv values for each token, those of a block's keys before those of its
 * values (Li and Liang 2021; PEFT's prefix tuning).
 */
class VirtualKeys extends TrainedTokens implements VirtualTokens {
  readonly areRead = false;
  override readonly areComputed = false;

  keysAndValues(
    tape: Tape,
    { q, k, v }: AttentionInputs,
    rows: FirstRows,
    block: number,
  ): AttentionInputs {
    const keys = this.columns(k.width, 2 * block, k.offset);
    const values = this.columns(v.width, 2 * block + 1, v.offset);
    const from = sourcesOf(rows);
    const place = (x: Tensor, ...pieces: ReplacingRows[]) =>
      tape.pipe(
        x,
        (x) => embedding(tape, x, from),
        (x) => pieces.length > 0 ? replaceRows(tape, x, pieces, rows) : x,
      );
    if (k.tensor === v.tensor) {
      const tensor = place(k.tensor, keys, values);
      return { q: { ...q, tensor }, k: { ...k, tensor }, v: { ...v, tensor } };
    }
    return {
      q: { ...q, tensor: place(q.tensor) }, // What the queries of virtual tokens find is not read.
      k: { ...k, tensor: place(k.tensor, keys) },
      v: { ...v, tensor: place(v.tensor, values) },
    };
  }
}

/** For each row, which of the other rows it is; for one of the first, any of these. */
function sourcesOf({ others, places }: FirstRows): Uint32Array {
  const sources = new Uint32Array(places.size);
  others.forEach((row, i) => sources[row] = i);
  return sources;
}

/** How a prefix method trains virtual tokens. */
interface PrefixMethod {
  /** Values of each token. */
  readonly valuesOf: (blocks: BlockShape) => number;
  /** The virtual tokens with these values. */
  readonly make: new (parameter: Parameter) => VirtualTokens & { readonly parameter: Parameter };
}

/** The methods by kind. */
export const prefixMethods: Readonly<Record<PrefixKind, PrefixMethod>> = {
  "prefix-embedding": { valuesOf: ({ width }) => width, make: VirtualWords },
  "prefix-layer": { valuesOf: ({ count, width }) => count * width, make: VirtualStates },
  "prefix-tuning": { valuesOf: ({ count, keys }) => 2 * count * keys!.width, make: VirtualKeys },
};
