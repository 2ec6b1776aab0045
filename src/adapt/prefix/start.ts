/** The values from which virtual tokens start: those of words of the vocabulary. @module */

import type { AttentionInputs, FirstRows } from "../../autograd/mod.ts";
import { type ColumnWindow, copyColumns } from "../../autograd/ops/columns.ts";
import { Tape } from "../../autograd/tape.ts";
import { hostTensor } from "../../core/host_tensor.ts";
import { Random } from "../../core/random.ts";
import type { Tensor } from "../../device/device.ts";
import type { TextModel } from "../../models/text_model.ts";
import type { VirtualTokens } from "../../nn/virtual_tokens.ts";

/**
 * Sets the values of virtual tokens to what the model computes for a sequence of as many tokens that are drawn
 * from its vocabulary: embeddings (Lester et al. 2021, section 3.2), what blocks read, or keys and values (Li and
 * Liang 2021, section 7.4).
 */
export function startFromWords(model: TextModel, virtual: VirtualTokens, seed: number): void {
  const random = new Random(seed), { count, parameter } = virtual;
  const words = Uint32Array.from({ length: count }, () => random.integer(model.vocabulary));
  using tape = new Tape(model.device, { record: false });
  model.virtualTokens = new Observer(virtual, parameter!.tensor);
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
  readonly areComputed = true;
  readonly parameter = undefined;
  readonly #of: VirtualTokens;
  readonly #into: Tensor;

  constructor(of: VirtualTokens, into: Tensor) {
    this.#of = of;
    this.#into = into;
  }

  words(_: Tape, x: Tensor): Tensor {
    if (this.#of.words) this.#copy({ tensor: x, width: x.shape[1] }, 0);
    return x;
  }

  states(_: Tape, x: Tensor, _rows: FirstRows, block: number): Tensor {
    if (this.#of.states) this.#copy({ tensor: x, width: x.shape[1] }, block);
    return x;
  }

  keysAndValues(
    _: Tape,
    inputs: AttentionInputs,
    _rows: FirstRows,
    block: number,
  ): AttentionInputs {
    if (this.#of.keysAndValues) {
      this.#copy(inputs.k, 2 * block);
      this.#copy(inputs.v, 2 * block + 1);
    }
    return inputs;
  }

  /** Copies a window to the `index`-th columns of its width. */
  #copy(window: ColumnWindow, index: number): void {
    const { width } = window;
    copyColumns(window, { tensor: this.#into, offset: index * width, width });
  }
}
