/**
 * Windows of running text: random ones for training, and those that score every held-out token once.
 *
 * @module
 */

import type { Batch } from "../core/batch.ts";
import { assertOptions } from "../core/options.ts";
import { Random } from "../core/random.ts";
import type { EncodedDocuments } from "./encoded_documents.ts";
import { type BatchSize, checkBatchSize, packBatches, type TokenRow } from "./token_rows.ts";

/** All documents in one stream, each after an end-of-text token: `<e> d₁ <e> d₂ … <e>`. */
export function tokenStream({ documents, endOfText, tokens }: EncodedDocuments): Uint32Array {
  const stream = new Uint32Array(tokens + 1);
  stream[0] = endOfText;
  let at = 1;
  for (const document of documents) {
    stream.set(document, at);
    at += document.length;
  }
  return stream;
}

/**
 * Endless batches of random windows of a stream, every position equally likely, crossing documents as
 * in GPT-2's training. The same seed yields the same batches.
 *
 * @throws {RangeError} when the stream is not longer than a window.
 *
 * @example
 * ```ts
 * import { randomWindows } from "@lowrank/core/data";
 * const stream = Uint32Array.from({ length: 100 }, (_, at) => at);
 * for (const { inputs, targets } of randomWindows(stream, { batch: 2, length: 8, seed: 1 })) {
 *   console.log(targets.data[0] === inputs.tokens.data[0] + 1); // true
 *   break;
 * }
 * ```
 */
export function* randomWindows(
  stream: Uint32Array,
  { seed, ...size }: BatchSize & { readonly seed: number },
): Generator<Batch, never> {
  checkBatchSize(size);
  if (stream.length <= size.length) {
    throw new RangeError(
      `windows of ${size.length} tokens need a stream of at least ${
        size.length + 1
      }, found ${stream.length}`,
    );
  }
  const random = new Random(seed);
  const window = (): TokenRow => {
    const start = random.integer(stream.length - size.length);
    return { tokens: stream.subarray(start, start + size.length + 1), scoredFrom: 1 };
  };
  while (true) {
    yield* packBatches(Array.from({ length: size.batch }, window), size, 0);
  }
}

/** How held-out text is cut. */
export interface EvaluationOptions extends BatchSize {
  /**
   * Tokens from one window to the next, at most `length`. Default half of `length`: every scored token
   * then sees at least length / 2 tokens before it, or its whole document. A stride of `length` halves
   * the work, but the first tokens of each window have little context.
   */
  readonly stride?: number;
}

/**
 * Batches that score every token of every document exactly once, the end of text included. Windows stay
 * within a document, which starts with the end-of-text token as context, so that a model sees no more
 * than an n-gram model of the same documents, apart from its longer context.
 *
 * @throws {TypeError} when an option does not exist.
 * @throws {RangeError} when the stride is not an integer from 1 to length.
 */
export function* evaluationWindows(
  encoded: EncodedDocuments,
  options: EvaluationOptions,
): Generator<Batch> {
  assertOptions("evaluationWindows", options, { batch: true, length: true, stride: true });
  const { stride, ...size } = options;
  checkBatchSize(size);
  const step = stride ?? Math.ceil(size.length / 2);
  if (!Number.isInteger(step) || step < 1 || step > size.length) {
    throw new RangeError(
      `evaluation windows need an integer stride from 1 to ${size.length}, found ${step}`,
    );
  }
  yield* packBatches(evaluationRows(encoded, size.length, step), size, encoded.endOfText);
}

function* evaluationRows(
  { documents, endOfText }: EncodedDocuments,
  length: number,
  stride: number,
): Generator<TokenRow> {
  for (const document of documents) {
    const tokens = Uint32Array.from([endOfText, ...document]);
    let scored = 1;
    for (let start = 0; scored < tokens.length; start += stride) {
      const end = Math.min(start + length + 1, tokens.length);
      yield { tokens: tokens.subarray(start, end), scoredFrom: scored - start };
      scored = end;
    }
  }
}
