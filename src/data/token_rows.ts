/** Rows of tokens, packed into batches with next tokens as targets. @module */

import type { Batch } from "../core/batch.ts";

/** The target of a position that is not scored. */
export const IGNORED: number = -100;

/** The shape of every batch. */
export interface BatchSize {
  /** Rows in a batch. */
  readonly batch: number;
  /** Tokens in a row. */
  readonly length: number;
}

/** A span of tokens, only some of which are scored. */
export interface TokenRow {
  /** Up to length + 1 tokens: inputs are all but the last, targets all but the first. */
  readonly tokens: ArrayLike<number>;
  /** Tokens before this index are context and never targets. At least 1. */
  readonly scoredFrom: number;
}

/** Throws a `RangeError` unless batch and length are positive integers. */
export function checkBatchSize({ batch, length }: BatchSize): void {
  for (const [name, value] of Object.entries({ batch, length })) {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`batches need an integer ${name} of at least 1, found ${value}`);
    }
  }
}

/**
 * Packs up to `batch` rows: short rows are padded with `padding` on the right, and missing rows are all
 * padding, so that the shape is always (batch, length). Padding has the target {@link IGNORED}.
 */
export function packBatch(
  rows: readonly TokenRow[],
  { batch, length }: BatchSize,
  padding: number,
): Batch {
  const tokens = new Uint32Array(batch * length).fill(padding);
  const targets = new Int32Array(batch * length).fill(IGNORED);
  rows.forEach(({ tokens: own, scoredFrom }, row) => {
    for (let at = 1; at < own.length; at++) {
      const place = row * length + at - 1;
      tokens[place] = own[at - 1];
      if (at >= scoredFrom) targets[place] = own[at];
    }
  });
  const shape = [batch, length];
  return { inputs: { tokens: { shape, data: tokens } }, targets: { shape, data: targets } };
}

/** Packs any number of rows into batches; the last is filled up with unscored rows. */
export function* packBatches(
  rows: Iterable<TokenRow>,
  size: BatchSize,
  padding: number,
): Generator<Batch> {
  let waiting: TokenRow[] = [];
  for (const row of rows) {
    waiting.push(row);
    if (waiting.length < size.batch) continue;
    yield packBatch(waiting, size, padding);
    waiting = [];
  }
  if (waiting.length > 0) yield packBatch(waiting, size, padding);
}
