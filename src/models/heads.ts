/** Heads: what comes out of a transformer's hidden states. @module */

import { linear } from "../autograd/mod.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { ModelInputs } from "../core/batch.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import type { Tensor } from "../device/device.ts";

/** Reads hidden states, all of them or some rows, and gives a model's outputs. */
export interface Head {
  /**
   * The rows of the batch · time hidden states that it reads, all where `undefined`.
   *
   * @param wanted Rows that the caller asked for.
   */
  rowsOf(inputs: ModelInputs, wanted?: readonly number[]): readonly number[] | undefined;
  /** Hidden states (rows, width) to outputs (rows, outputs). */
  forward(tape: Tape, states: Tensor): Tensor;
}

/** Logits of the next token, y = h Wᵀ, for every row or those asked for. */
export class CausalLmHead implements Head {
  readonly #weight: Parameter;

  /** Holds the weight (vocabulary, width): the token embedding where the two are tied. */
  constructor(weight: Parameter) {
    this.#weight = weight;
  }

  /** What was asked for. */
  rowsOf(_: ModelInputs, wanted?: readonly number[]): readonly number[] | undefined {
    return wanted;
  }

  /** States (rows, width) to logits (rows, vocabulary). */
  forward(tape: Tape, states: Tensor): Tensor {
    return linear(tape, states, this.#weight);
  }
}

/** Logits of classes, y = h Wᵀ, from the last token of each sequence that is not padding. */
export class SequenceClassificationHead implements Head {
  readonly #weight: Parameter;
  readonly #padding: number | undefined;

  /** Holds the weight (classes, width) and the id of padding, which ends short sequences. */
  constructor(weight: Parameter, padding?: number) {
    this.#weight = weight;
    this.#padding = padding;
  }

  /**
   * One row for each sequence, by the rule of transformers' `GPT2ForSequenceClassification`: the last token
   * that is not the padding id, and the first where all of them are.
   *
   * @throws {RangeError} when rows were asked for, or several sequences have no padding id to tell where
   * each of them ends.
   */
  rowsOf({ tokens }: ModelInputs, wanted?: readonly number[]): number[] {
    if (wanted) throw new RangeError("a sequence classification head has no logits of other rows");
    const [batch, time] = tokens.shape;
    if (batch > 1 && this.#padding === undefined) {
      throw new RangeError(
        `classifying several sequences needs a pad_token_id in the configuration, found none for ${batch}`,
      );
    }
    return Array.from({ length: batch }, (_, row) => row * time + this.#lastOf(tokens, row));
  }

  /** States (batch, width) to logits (batch, classes). */
  forward(tape: Tape, states: Tensor): Tensor {
    return linear(tape, states, this.#weight);
  }

  #lastOf({ shape: [, time], data }: HostTensor, row: number): number {
    const sequence = data.subarray(row * time, (row + 1) * time);
    return Math.max(0, sequence.findLastIndex((token) => token !== this.#padding));
  }
}
