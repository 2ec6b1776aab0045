/** Batches: what a step takes, and where they come from. @module */

import { ShapeError } from "../core/errors.ts";
import type { HostTensor } from "../core/host_tensor.ts";
import { formatShape, sameShape } from "../core/shape.ts";

/**
 * Sequences of equal length with what to predict at each token. **Targets are the next tokens**, shifted
 * already: `targets[t]` is `inputs[t + 1]`. (PEFT's and transformers' `labels` equal the inputs and are
 * shifted inside.)
 */
export interface Batch {
  /** u32 (batch, time): token ids. */
  readonly inputs: HostTensor;
  /**
   * i32 (batch, time): the token that follows each input; negative ones do not count. For an objective
   * that has a teacher: f32 (rows, outputs), what the model's outputs are held against.
   */
  readonly targets: HostTensor;
  /** u32 (batch, time): 0 hides a token from all others. Default: all are seen. */
  readonly attentionMask?: HostTensor;
  /** u32 (batch, time). Default: 0, 1, 2, … */
  readonly positionIds?: HostTensor;
}

/**
 * Where batches come from: a list or another collection, from the start again when it runs out, or a
 * function of the batch's index, counted from 0. A generator can be used once and must not end early.
 */
export type BatchSource =
  | Iterable<Batch>
  | AsyncIterable<Batch>
  | ((index: number) => Batch | Promise<Batch>);

/** Throws a {@link ShapeError} unless the targets fit the inputs, a TypeError where one is no tensor. */
export function assertBatch(batch: Batch): void {
  const { inputs, targets } = batch ?? {};
  assertTensor("inputs", inputs);
  assertTensor("targets", targets);
  if (inputs.shape.length !== 2 || !sameShape(inputs.shape, targets.shape)) {
    throw new ShapeError(
      `a batch needs inputs and targets of one shape (batch, time), found ${
        formatShape(inputs.shape)
      } and ${formatShape(targets.shape)}`,
    );
  }
}

/** The same for targets that are a teacher's outputs, whose shape the operation checks. */
export function assertTeacherBatch(batch: Batch): void {
  const { inputs, targets } = batch ?? {};
  assertTensor("inputs", inputs);
  assertTensor("targets", targets);
  if (targets.shape.length === 2) return;
  throw new ShapeError(
    `a teacher's outputs must be (rows, outputs), found ${formatShape(targets.shape)}`,
  );
}

function assertTensor(name: string, value: HostTensor | undefined): void {
  if (Array.isArray(value?.shape) && value.data?.length >= 0) return;
  throw new TypeError(
    `a batch needs inputs and targets as {shape: [batch, time], data}, found ${
      kindOf(value)
    } for its ${name}`,
  );
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a plain list";
  if (ArrayBuffer.isView(value)) return "values without a shape";
  return value ? "something else" : "nothing";
}

/** Hands out batches one after the other. */
export interface BatchReader {
  /** The next batch. */
  next(): Promise<Batch>;
  /** Ends a generator that was begun. */
  close(): Promise<void>;
}

/**
 * Reads a source from batch `start` on.
 *
 * @throws {RangeError} from `next` when the source is empty, or a generator ends.
 */
export function readBatches(source: BatchSource, start = 0): BatchReader {
  if (typeof source === "function") {
    let index = start;
    return { next: async () => await source(index++), close: () => Promise.resolve() };
  }
  const reader = Array.isArray(source) ? readArray(source, start) : readIterable(source, start);
  return {
    next: async () => (await reader.next()).value!,
    close: async () => void await reader.return(undefined as never),
  };
}

async function* readArray(batches: readonly Batch[], start: number): AsyncGenerator<Batch, never> {
  if (batches.length === 0) throw new RangeError("training needs batches, found none");
  for (let index = start;; index++) yield batches[index % batches.length];
}

async function* readIterable(
  source: Iterable<Batch> | AsyncIterable<Batch>,
  start: number,
): AsyncGenerator<Batch, never> {
  for (let index = 0;;) {
    const before = index;
    for await (const batch of source) if (index++ >= start) yield batch;
    if (index > before) continue;
    throw new RangeError(
      index === 0
        ? "training needs batches, found none"
        : `batches ended after ${index} and cannot start again: pass a list or a function of the index`,
    );
  }
}
