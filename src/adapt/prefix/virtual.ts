/** What prefix methods train of virtual tokens, and where it acts. @module */

import type { AttentionInputs, Parameter } from "../../autograd/mod.ts";
import { replaceRows } from "../../autograd/ops/replace_rows.ts";
import type { Tape } from "../../autograd/tape.ts";
import type { Shape } from "../../core/shape.ts";
import type { Tensor } from "../../device/device.ts";
import type { BlockShape, VirtualTokens } from "../../nn/virtual_tokens.ts";

/** A prefix method, by its name in specifications. */
export type PrefixKind = "prefix-embedding" | "prefix-layer" | "prefix-tuning";

/** A tensor that is trained. */
interface Entry {
  readonly name: string;
  readonly shape: Shape;
}

/** How a prefix method trains virtual tokens. */
export interface PrefixMethod {
  /** The tensors of `count` virtual tokens. */
  entries(count: number, blocks: BlockShape): readonly Entry[];
  /** The virtual tokens with these parameters. */
  make(count: number, parameters: readonly Parameter[]): VirtualTokens;
}

/** The embeddings of words: d values for each token (Hu et al. 2021, section 5.1: PreEmbed). */
class VirtualWords implements VirtualTokens {
  readonly count: number;
  readonly parameters: readonly Parameter[];
  readonly areRead = true;

  constructor(count: number, parameters: readonly Parameter[]) {
    this.count = count;
    this.parameters = parameters;
  }

  words(tape: Tape, x: Tensor, batch: number): Tensor {
    return replaceRows(tape, x, [{ values: this.parameters[0] }], batch);
  }
}

/**
 * What each block reads: L · d values for each token (Hu et al. 2021, section 5.1: PreLayer). The paper replaces
 * activations after every layer; those after the last would change no other token.
 */
class VirtualStates implements VirtualTokens {
  readonly count: number;
  readonly parameters: readonly Parameter[];
  readonly areRead = false;

  constructor(count: number, parameters: readonly Parameter[]) {
    this.count = count;
    this.parameters = parameters;
  }

  states(tape: Tape, x: Tensor, batch: number, block: number): Tensor {
    return replaceRows(tape, x, [{ values: this.parameters[block] }], batch);
  }
}

/** Keys and values of each block: 2 · L · d values for each token (Li and Liang 2021; PEFT's prefix tuning). */
class VirtualKeys implements VirtualTokens {
  readonly count: number;
  readonly parameters: readonly Parameter[];
  readonly areRead = false;

  constructor(count: number, parameters: readonly Parameter[]) {
    this.count = count;
    this.parameters = parameters;
  }

  keysAndValues(
    tape: Tape,
    { q, k, v }: AttentionInputs,
    batch: number,
    block: number,
  ): AttentionInputs {
    const [keys, values] = this.parameters.slice(2 * block, 2 * block + 2);
    const ofKeys = { values: keys, offset: k.offset }, ofValues = { values, offset: v.offset };
    const replace = (x: Tensor, ...pieces: Parameters<typeof replaceRows>[2]) =>
      tape.pipe(x, (x) => replaceRows(tape, x, pieces, batch));
    if (k.tensor === v.tensor) {
      const tensor = replace(k.tensor, ofKeys, ofValues);
      return { q: { ...q, tensor }, k: { ...k, tensor }, v: { ...v, tensor } };
    }
    return {
      q,
      k: { ...k, tensor: replace(k.tensor, ofKeys) },
      v: { ...v, tensor: replace(v.tensor, ofValues) },
    };
  }
}

const numbered = (blocks: BlockShape): number[] => [...Array(blocks.count).keys()];

/** The methods by kind. */
export const prefixMethods: Readonly<Record<PrefixKind, PrefixMethod>> = {
  "prefix-embedding": {
    entries: (count, { width }) => [{ name: "virtual_tokens.words", shape: [count, width] }],
    make: (...parts) => new VirtualWords(...parts),
  },
  "prefix-layer": {
    entries: (count, blocks) =>
      numbered(blocks).map((block) => {
        return { name: `virtual_tokens.states.${block}`, shape: [count, blocks.width] };
      }),
    make: (...parts) => new VirtualStates(...parts),
  },
  "prefix-tuning": {
    entries: (count, blocks) =>
      numbered(blocks).flatMap((block) =>
        ["keys", "values"].map((of) => {
          return { name: `virtual_tokens.${of}.${block}`, shape: [count, blocks.keys!.width] };
        })
      ),
    make: (...parts) => new VirtualKeys(...parts),
  },
};
