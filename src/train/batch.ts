/** Sources of batches, and the order in which they are read. @module */

import type { Batch, ModelInputs } from "../core/batch.ts";
import { quote } from "../core/errors.ts";

/**
 * Source of batches: a list or another iterable, which starts again when it runs out, or a function
 * of the batch's index, counted from 0. A generator can only be used once and must not end early.
 */
export type BatchSource<Inputs = ModelInputs> =
  | Iterable<Batch<Inputs>>
  | AsyncIterable<Batch<Inputs>>
  | ((index: number) => Batch<Inputs> | Promise<Batch<Inputs>>);

/** Throws a TypeError unless there are inputs, and targets with a shape; the model checks its inputs. */
export function assertBatch(batch: Batch<unknown>): void {
  const { inputs, targets } = batch ?? {};
  if (typeof inputs !== "object" || inputs === null) {
    throw new TypeError(`a batch needs inputs and targets, found ${kindOf(inputs)} for its inputs`);
  }
  if (Array.isArray(targets?.shape) && targets.data?.length >= 0) return;
  throw new TypeError(
    `a batch needs targets as { shape, data }, found ${kindOf(targets)} for its targets`,
  );
}

function kindOf(value: unknown): string {
  if (Array.isArray(value)) return "a plain list";
  if (ArrayBuffer.isView(value)) return "values without a shape";
  return value ? "something else" : "nothing";
}

/** Hands out batches in order. */
export interface BatchReader<Inputs> {
  /** The next batch. */
  next(): Promise<Batch<Inputs>>;
  /** Closes a started generator. */
  close(): Promise<void>;
}

/**
 * Reads a source, starting at batch `start`.
 *
 * @throws {TypeError} when it is none.
 * @throws {RangeError} when (in `next`) the source is empty, or a generator ends.
 */
export function readBatches<Inputs>(
  source: BatchSource<Inputs>,
  start = 0,
): BatchReader<Inputs> {
  if (typeof source === "function") {
    let index = start;
    return { next: async () => await source(index++), close: () => Promise.resolve() };
  }
  if (source === null || typeof source !== "object") {
    throw new TypeError(`training needs a list of batches or a function, found ${quote(source)}`);
  }
  const reader = Array.isArray(source)
    ? readArray<Inputs>(source, start)
    : readIterable(source, start);
  return {
    next: async () => (await reader.next()).value!,
    close: async () => void await reader.return(undefined as never),
  };
}

async function* readArray<Inputs>(
  batches: readonly Batch<Inputs>[],
  start: number,
): AsyncGenerator<Batch<Inputs>, never> {
  if (batches.length === 0) throw new RangeError("training needs batches, found none");
  for (let index = start;; index++) yield batches[index % batches.length];
}

async function* readIterable<Inputs>(
  source: Iterable<Batch<Inputs>> | AsyncIterable<Batch<Inputs>>,
  start: number,
): AsyncGenerator<Batch<Inputs>, never> {
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
