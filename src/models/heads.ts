/** Heads: from a transformer's hidden states to outputs. @module */

import { linear } from "../autograd/mod.ts";
import type { LastLayers } from "../autograd/head_loss.ts";
import type { Parameter } from "../autograd/parameter.ts";
import type { Tape } from "../autograd/tape.ts";
import type { Tensor } from "../device/device.ts";
import type { Linear } from "../nn/linear.ts";
import { onHost, type PassInputs, pickRows, sequenceStarts } from "./inputs.ts";
import type { AppliedAdapter } from "./model.ts";

/** Maps hidden states, all or some rows of them, to a model's outputs. */
export interface Head extends LastLayers {
  /** Whether each row of states gives outputs of its own, so that some rows may be left out. */
  readonly isPerToken: boolean;
  /**
   * The rows of the batch · time hidden states that it needs; `undefined` for all.
   *
   * @param wanted Rows that the caller requested.
   */
  rowsOf(inputs: PassInputs, wanted?: readonly number[]): readonly number[] | undefined;
  /** What it computes of all those rows before its last layer, which is computed in blocks of rows. */
  before?(tape: Tape, states: Tensor): Tensor;
}

/** What picks the rows of a pass. */
interface RowReader {
  /** Says which it needs. */
  readonly head: Head;
  /** Those of a batch's rows are told which rows follow. */
  readonly adapters: ReadonlySet<AppliedAdapter>;
}

/** Leaves the rows of states that a model's head reads, of which the caller may have requested some. */
export function picking(
  tape: Tape,
  { head, adapters }: RowReader,
  inputs: PassInputs,
  wanted?: readonly number[],
): (states: Tensor) => Tensor {
  const read = head.rowsOf(inputs, wanted);
  if (!read) return (states) => states;
  const rows = amongComputed(read, inputs);
  return (states) => {
    for (const { batchRows } of adapters) batchRows?.pick(rows);
    return pickRows(tape, states, rows);
  };
}

/** Where rows are among those that blocks compute. */
function amongComputed(rows: readonly number[], { virtual }: PassInputs): readonly number[] {
  if (!virtual || virtual.tokens.areComputed) return rows;
  const places = new Map(virtual.rows.others.map((row, place) => [row, place]));
  return rows.map((row) => places.get(row)!);
}

/** Logits of the next token, y = h Wᵀ, for every row, or the requested rows. */
export class CausalLmHead implements Head {
  /** Each row predicts a token. */
  readonly isPerToken = true;
  readonly #output: Linear;

  /** Takes the layer, whose weight (vocabulary, width) is the token embedding if the two are tied. */
  constructor(output: Linear) {
    this.#output = output;
  }

  /** Number of tokens in the vocabulary. */
  get outputs(): number {
    return this.#output.extents[0];
  }

  /** The requested rows. */
  rowsOf(_: PassInputs, wanted?: readonly number[]): readonly number[] | undefined {
    return wanted;
  }

  /** Maps states (rows, width) to logits (rows, vocabulary). */
  forward(tape: Tape, states: Tensor): Tensor {
    return this.#output.forward(tape, states);
  }
}

/** Logits of classes, y = h Wᵀ, from the last token of each sequence that is not padding. */
export class SequenceClassificationHead implements Head {
  /** One row of each sequence is read. */
  readonly isPerToken = false;
  readonly #weight: Parameter;
  readonly #padding: number | undefined;

  /** Takes the weight (classes, width) and the id of the padding token, which fills up short sequences. */
  constructor(weight: Parameter, padding?: number) {
    this.#weight = weight;
    this.#padding = padding;
  }

  /** Number of classes. */
  get outputs(): number {
    return this.#weight.shape[0];
  }

  /**
   * One row per sequence, by the rule of transformers' `GPT2ForSequenceClassification`: the last token
   * that is not padding, or the first token if all are padding.
   *
   * @throws {RangeError} when rows are requested, or there are several sequences but no padding id,
   * which tells where each ends.
   * @throws {TypeError} when the tokens are on the device.
   */
  rowsOf(inputs: PassInputs, wanted?: readonly number[]): number[] {
    if (wanted) {
      throw new RangeError("a sequence classification head cannot return logits of requested rows");
    }
    const { tokens, virtual } = onHost(inputs), first = virtual?.rows.count ?? 0;
    const starts = sequenceStarts(inputs), batch = starts.length - 1;
    if (batch > 1 && this.#padding === undefined) {
      throw new RangeError(
        `classifying several sequences needs a pad_token_id in the configuration, found none for ${batch}`,
      );
    }
    return Array.from({ length: batch }, (_, row) => {
      const sequence = tokens.data.subarray(starts[row], starts[row + 1]);
      const last = sequence.findLastIndex((token) => token !== this.#padding);
      return starts[row] + Math.max(first, last);
    });
  }

  /** Maps states (batch, width) to logits (batch, classes). */
  forward(tape: Tape, states: Tensor): Tensor {
    return linear(tape, states, this.#weight);
  }
}

/** The states themselves, (rows, width), of a model without a head. */
export class StatesHead implements Head {
  /** Outputs are the states of tokens. */
  readonly isPerToken = true;
  /** Width of the states. */
  readonly outputs: number;

  /** Takes the width of the states. */
  constructor(outputs: number) {
    this.outputs = outputs;
  }

  /** The requested rows. */
  rowsOf(_: PassInputs, wanted?: readonly number[]): readonly number[] | undefined {
    return wanted;
  }

  /** Gives the states. */
  forward(_: Tape, states: Tensor): Tensor {
    return states;
  }
}
