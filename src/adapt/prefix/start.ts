/** The values from which virtual tokens start: those of words of the vocabulary. @module */

import type { AttentionInputs, Parameter } from "../../autograd/mod.ts";
import { type ColumnWindow, copyColumns } from "../../autograd/ops/columns.ts";
import { Tape } from "../../autograd/tape.ts";
import { hostTensor } from "../../core/host_tensor.ts";
import { Random } from "../../core/random.ts";
import type { Tensor } from "../../device/device.ts";
import type { TextModel } from "../../models/text_model.ts";
import type { VirtualTokens } from "../../nn/virtual_tokens.ts";
import { copyTensor } from "../copy_tensor.ts";

/**
 * Sets the values of virtual tokens to what the model computes for a sequence of as many tokens that are drawn
 * from its vocabulary: embeddings (Lester et al. 2021, section 3.2), what blocks read, or keys and values (Li and
 * Liang 2021, section 7.4).
 */
export function startFromWords(model: TextModel, virtual: VirtualTokens, seed: number): void {
  const random = new Random(seed), { count, parameters } = virtual;
  const words = Uint32Array.from({ length: count }, () => random.integer(model.vocabulary));
  using tape = new Tape(model.device, { record: false });
  model.virtualTokens = new Observer(virtual, parameters);
  try {
    model.forward(tape, { tokens: hostTensor([1, count], words) });
  } finally {
    model.virtualTokens = undefined;
  }
}

/** No virtual tokens, but a look at what they would change, which is copied. */
class Observer implements VirtualTokens {
  readonly count = 0;
  readonly areRead = false;
  readonly parameters = [];
  readonly #of: VirtualTokens;
  readonly #into: readonly Parameter[];

  constructor(of: VirtualTokens, into: readonly Parameter[]) {
    this.#of = of;
    this.#into = into;
  }

  words(_: Tape, x: Tensor): Tensor {
    if (this.#of.words) copyTensor(x, this.#into[0].tensor);
    return x;
  }

  states(_: Tape, x: Tensor, _batch: number, block: number): Tensor {
    if (this.#of.states) copyTensor(x, this.#into[block].tensor);
    return x;
  }

  keysAndValues(_: Tape, inputs: AttentionInputs, _batch: number, block: number): AttentionInputs {
    if (this.#of.keysAndValues) {
      const copy = (from: ColumnWindow, { tensor }: Parameter) =>
        copyColumns(from, { tensor, width: from.width });
      copy(inputs.k, this.#into[2 * block]);
      copy(inputs.v, this.#into[2 * block + 1]);
    }
    return inputs;
  }
}
