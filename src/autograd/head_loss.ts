/** Head and loss over the rows that have a target, with the outputs of few rows in memory at a time. @module */

import { type Batch, countLabels } from "../core/batch.ts";
import { type HostTensor, hostTensor, isFloat } from "../core/host_tensor.ts";
import { cutRange, type RowRange } from "../core/row_range.ts";
import { sizeOf } from "../core/shape.ts";
import type { Tensor } from "../device/device.ts";
import { assertLabels, type Loss, type LossOptions } from "./loss.ts";
import { add } from "./ops/add.ts";
import { rowBlock } from "./ops/row_block.ts";
import type { Tape } from "./tape.ts";

/** The second part of a model: maps states (rows, width) to outputs (rows, outputs), each row by itself. */
export interface LastLayers {
  /** Number of outputs of a row. */
  readonly outputs: number;
  /** Maps states to outputs. */
  forward(tape: Tape, states: Tensor): Tensor;
}

/** A model as two parts, `forward(inputs) = head.forward(states(inputs))`. */
export interface TwoParts<Inputs> {
  /** Maps inputs to what the head reads: all rows, or the requested ones of the batch · time tokens. */
  states(tape: Tape, inputs: Inputs, options?: { readonly rows?: readonly number[] }): Tensor;
  /** Maps states to outputs. */
  readonly head: LastLayers;
  /** Whether rows may be requested. */
  readonly picksRows: boolean;
}

/** A model, which may have two parts. */
export interface ForwardModel<Inputs> extends Partial<TwoParts<Inputs>> {
  /** Maps inputs to what the loss takes, such as logits (batch · time, vocabulary). */
  forward(tape: Tape, inputs: Inputs): Tensor;
}

/** The two parts of a model; the second of one without a head gives what it gets. */
export function twoPartsOf<Inputs>(model: ForwardModel<Inputs>): TwoParts<Inputs> {
  return {
    states: (tape, inputs, options) =>
      model.states?.(tape, inputs, options) ?? model.forward(tape, inputs),
    head: model.head ?? { outputs: 0, forward: (_, states) => states },
    picksRows: model.picksRows ?? false,
  };
}

/** What is minimized over a batch. */
export interface HeadLossOptions extends Required<LossOptions> {
  /** The loss. */
  readonly loss: Loss;
  /** Most outputs in memory at once, one row's at least, beside as many gradients. Default 2^23, 32 MiB each. */
  readonly mostOutputs?: number;
}

/**
 * The loss of a model on a batch: of its rows with a label alone where it picks rows, in blocks of rows. With a
 * tape that records, the backward pass through head and loss has run when it returns, so `tape.backward` of
 * the loss, or of a sum that it is a term of, goes on from there with the gradient 1.
 *
 * @throws {ShapeError} when there is not one target for each row.
 * @throws {RangeError} when a label is not an integer below the number of outputs.
 */
export function lossOfBatch<Inputs>(
  tape: Tape,
  model: ForwardModel<Inputs>,
  batch: Pick<Batch<Inputs>, "inputs" | "targets">,
  { mostOutputs, ...options }: HeadLossOptions,
): Tensor {
  const parts = twoPartsOf(model), { rows, targets } = targetRows(parts, batch);
  const states = parts.states(tape, batch.inputs, { rows });
  const term = { ...options, targets, range: { start: 0, count: states.shape[0] } };
  return headLosses(tape, states, parts.head, [term], mostOutputs)[0];
}

/** Rows with a target, in order, all if left out; and their targets. */
export interface TargetRows {
  /** Rows of the batch · time tokens. */
  readonly rows?: readonly number[];
  /** A target for each of them. */
  readonly targets: HostTensor;
}

/**
 * Leaves out rows whose label is ignored, where the model picks rows; the first stays where all are ignored, as no
 * device has an empty matrix.
 *
 * @throws As {@link lossOfBatch}.
 */
export function targetRows<Inputs>(
  { picksRows, head }: TwoParts<Inputs>,
  { inputs, targets }: Pick<Batch<Inputs>, "inputs" | "targets">,
): TargetRows {
  const { data } = targets, tokens = tokensOf(inputs);
  if (!picksRows || tokens === undefined || isFloat(data)) return { targets };
  assertLabels(data, tokens, head.outputs);
  const count = countLabels(data);
  if (count === tokens) return { targets };
  const rows = count > 0 ? [...data.keys()].filter((row) => data[row] >= 0) : [0];
  return { rows, targets: hostTensor([rows.length], Int32Array.from(rows, (row) => data[row])) };
}

/** The number of tokens of a model's inputs; undefined where these are none, which the model refuses. */
function tokensOf(inputs: unknown): number | undefined {
  const { shape } = (inputs as Batch["inputs"])?.tokens ?? {};
  return Array.isArray(shape) && shape.length === 2 ? sizeOf(shape) : undefined;
}

/** The loss of some neighboring rows. */
export interface LossTerm extends Required<LossOptions> {
  /** The rows of the states. */
  readonly range: RowRange;
  /** A target for each of them. */
  readonly targets: HostTensor;
  /** The loss. */
  readonly loss: Loss;
}

/**
 * The losses of terms, of which each row has one, in blocks of rows: each block's backward pass runs before the
 * next one's forward pass. Releases the states as soon as the head has read them.
 */
export function headLosses(
  tape: Tape,
  states: Tensor,
  head: LastLayers,
  terms: readonly LossTerm[],
  mostOutputs = 2 ** 23,
): Tensor[] {
  const [rows] = states.shape, most = Math.max(1, Math.floor(mostOutputs / head.outputs));
  const blocks = Math.max(1, Math.ceil(rows / most));
  const losses: Tensor[][] = terms.map(() => []);
  for (const block of cutRange(rows, Math.ceil(rows / blocks))) {
    tape.early(() => {
      const x = rowBlock(tape, states, block), outputs = head.forward(tape, x);
      if (x.storage !== states.storage) tape.release(x);
      const isLast = block.start + block.count === rows;
      if (isLast && outputs.storage !== states.storage) tape.release(states);
      const found = terms.map((term) => lossIn(tape, outputs, block, term));
      tape.release(outputs);
      found.forEach((loss, at) => loss && losses[at].push(loss));
      return sumOf(tape, found.filter((loss) => loss !== undefined));
    });
  }
  return losses.map((parts) => sumOf(tape, parts));
}

const sumOf = (tape: Tape, losses: readonly Tensor[]): Tensor =>
  losses.reduce((sum, next) => add(tape, sum, next));

/** The loss of the part of a term that is in a block of outputs, if any is. */
function lossIn(
  tape: Tape,
  outputs: Tensor,
  block: RowRange,
  { range, targets, loss, divisor }: LossTerm,
): Tensor | undefined {
  const start = Math.max(block.start, range.start);
  const count = Math.min(block.start + block.count, range.start + range.count) - start;
  if (count <= 0) return undefined;
  const part = rowBlock(tape, outputs, { start: start - block.start, count });
  const wanted = targetsOf(targets, range.count, { start: start - range.start, count });
  const value = loss(tape, part, wanted, { divisor });
  if (part.storage !== outputs.storage) tape.release(part);
  return value;
}

/** Targets of a block of rows; all where these do not fit the rows, which the loss refuses. */
function targetsOf(all: HostTensor, rows: number, { start, count }: RowRange): HostTensor {
  const width = all.data.length / rows;
  if (count === rows || !Number.isInteger(width)) return all;
  const shape = isFloat(all.data) ? [count, width] : [count];
  return hostTensor(shape, all.data.subarray(start * width, (start + count) * width));
}
