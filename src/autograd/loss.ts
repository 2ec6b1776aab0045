/**
 * Losses, functions of a model's outputs and their targets; and the head with its loss over the
 * rows that have a target, with the outputs of few rows in memory at a time.
 *
 * @module
 */

import { type Batch, countLabels } from "../core/batch.ts";
import {
  assertShape,
  type HostTensor,
  hostTensor,
  isFloat,
  type Shape,
  sizeOf,
} from "../core/tensor.ts";
import { cutRange, type RowRange } from "../core/update.ts";
import type { Tensor } from "../device/device.ts";
import { add } from "./ops/add.ts";
import { rowBlock } from "./ops/product.ts";
import type { Tape } from "./tape.ts";

// Losses.

/** Settings for summing a loss. */
export interface LossOptions {
  /** Divisor of the summed loss. Default: the number of labels that are not ignored, or of rows. */
  readonly divisor?: number;
}

/**
 * Function that training minimizes: a single number, the sum over the targets divided by `divisor`.
 * Integer targets are labels, of which negative ones are ignored; float targets are rows.
 * `crossEntropy`, `klDivergence` and `squaredError` are losses; a closure adds settings. As it is a
 * sum, training asks for it block by block, without the rows of a language model whose labels are
 * ignored.
 *
 * @example Smoothed labels
 * ```ts
 * import { crossEntropy, type Loss } from "@lowrank/core";
 *
 * const smoothed: Loss = (tape, logits, targets, options) =>
 *   crossEntropy(tape, logits, targets, { smoothing: 0.1, ...options });
 * ```
 */
export type Loss = (
  tape: Tape,
  outputs: Tensor,
  targets: HostTensor,
  options: Required<LossOptions>,
) => Tensor;

/**
 * Throws unless targets are floats of the outputs' shape; for integers a trainer would count labels
 * instead of rows.
 */
export function assertFloatTargets(
  what: string,
  { shape, data }: HostTensor,
  outputs: Shape,
): void {
  assertShape(what, shape, outputs);
  if (!isFloat(data)) throw new TypeError(`${what} must be floats, found integers`);
}

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
  /** True if rows may be requested. */
  readonly picksRows: boolean;
  /** True if padding of these inputs is computed, where such rows are requested. */
  keepsPadding?(inputs: Inputs, rows?: readonly number[]): boolean;
}

/** A model, which may have two parts: training and `evaluate` then ask these and not `forward`. */
export interface ForwardModel<Inputs> {
  /** Maps inputs to what the loss takes, such as logits (batch · time, vocabulary). */
  forward(tape: Tape, inputs: Inputs): Tensor;
  /** Its parts. */
  readonly parts?: TwoParts<Inputs>;
}

/** The two parts of a model; the second of one without parts gives what it gets. */
export function twoPartsOf<Inputs>(model: ForwardModel<Inputs>): TwoParts<Inputs> {
  return model.parts ?? {
    states: (tape, inputs) => model.forward(tape, inputs),
    head: { outputs: 0, forward: (_, states) => states },
    picksRows: false,
  };
}

// Heads with their losses.

/** Options of the loss over a batch. */
export interface HeadLossOptions extends Required<LossOptions> {
  /** The loss. */
  readonly loss: Loss;
  /** Most outputs in memory at once, one row's at least. Default 2^25, 128 MiB, over which cross-entropy writes their gradient. */
  readonly mostOutputs?: number;
}

/**
 * The loss of a model on a batch: of its rows with a label alone where it picks rows, in blocks of rows. With a
 * tape that records, the backward pass through the head's last layer and the loss has run when it returns, and
 * `tape.backward` of the loss, or of a sum that it is a term of, continues from there with the gradient 1.
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
  return headLosses(tape, states, parts.head, [term], mostOutputs).total;
}

/** Rows with a target, in order, all if left out; and their targets. */
export interface TargetRows {
  /** Rows of the batch · time tokens. */
  readonly rows?: readonly number[];
  /** A target for each of them. */
  readonly targets: HostTensor;
}

/**
 * Leaves out rows whose label is ignored, where the model picks rows and there is a label for each token; the first
 * stays where all are ignored, as no device has an empty matrix.
 */
export function targetRows<Inputs>(
  { picksRows, head }: TwoParts<Inputs>,
  { inputs, targets }: Pick<Batch<Inputs>, "inputs" | "targets">,
): TargetRows {
  const { data } = targets, isOfTokens = picksRows && data.length === tokensOf(inputs);
  // What is no label of an output is left for the loss to refuse.
  if (!isOfTokens || isFloat(data) || data.some((label) => label >= head.outputs)) {
    return { targets };
  }
  const count = countLabels(data);
  if (count === data.length) return { targets };
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

/** The losses of some terms. */
export interface HeadLosses {
  /** The sum of all, from which the backward pass continues. */
  readonly total: Tensor;
  /** Addends of each term's loss: a value of each block that has rows of it. */
  readonly values: readonly (readonly Tensor[])[];
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
  mostOutputs = 2 ** 25,
): HeadLosses {
  const [rows] = states.shape, most = Math.max(1, Math.floor(mostOutputs / head.outputs));
  const blocks = cutRange(rows, Math.ceil(rows / Math.max(1, Math.ceil(rows / most))));
  const values: Tensor[][] = terms.map(() => []);
  const sums = blocks.map((block) =>
    tape.early(() => {
      const x = rowBlock(tape, states, block), outputs = head.forward(tape, x);
      const kept = block.start + block.count < rows ? [states, outputs] : [outputs];
      releaseBut(tape, kept, x, states);
      const found = terms.map((term) => lossIn(tape, outputs, block, term));
      tape.release(outputs);
      found.forEach((loss, at) => loss && values[at].push(loss));
      return sumOf(tape, found.filter((loss) => loss !== undefined));
    })
  );
  return { total: sumOf(tape, sums), values };
}

/** Releases values but those in a buffer that is still read. */
function releaseBut(tape: Tape, kept: readonly Tensor[], ...values: readonly Tensor[]): void {
  const isKept = ({ storage }: Tensor) => kept.some((one) => one.storage === storage);
  tape.release(...values.filter((value) => !isKept(value)));
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
  releaseBut(tape, [outputs], part);
  return value;
}

/** Targets of a block of rows; all where these do not fit the rows, which the loss refuses. */
function targetsOf(all: HostTensor, rows: number, { start, count }: RowRange): HostTensor {
  const width = all.data.length / rows;
  if (count === rows || !Number.isInteger(width)) return all;
  const shape = isFloat(all.data) ? [count, width] : [count];
  return hostTensor(shape, all.data.subarray(start * width, (start + count) * width));
}
