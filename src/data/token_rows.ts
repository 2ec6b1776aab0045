/** Rows of tokens, packed into batches with next tokens as targets. @module */

import type { Batch } from "../core/batch.ts";
import { Random } from "../core/random.ts";

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
  for (const some of groups(rows, size.batch)) yield packBatch(some, size, padding);
}

/** The same with batches as long as {@link fittedLength} of their rows; `length` is the most. */
export function* packFitted(
  rows: Iterable<TokenRow>,
  { batch, length: most }: BatchSize,
  padding: number,
): Generator<Batch> {
  for (const some of groups(rows, batch)) {
    yield packBatch(some, { batch, length: fittedLength(some, most) }, padding);
  }
}

function* groups(rows: Iterable<TokenRow>, size: number): Generator<TokenRow[]> {
  let waiting: TokenRow[] = [];
  for (const row of rows) {
    waiting.push(row);
    if (waiting.length < size) continue;
    yield waiting;
    waiting = [];
  }
  if (waiting.length > 0) yield waiting;
}

/** The length that holds the inputs of all rows, a multiple of `step` or `most`. */
export function fittedLength(rows: readonly TokenRow[], most: number, step = 16): number {
  const longest = Math.max(...rows.map(({ tokens }) => tokens.length - 1));
  return Math.min(most, step * Math.ceil(longest / step));
}

/**
 * The same rows in batches of rows of similar length: `window` batches at a time are sorted by length, cut
 * anew into as many, trimmed to their longest row, rounded up to a multiple of 4, and put in random order.
 * A row ends with its last scored target; what is cut off is padding. Iterating again yields the same.
 * Batches have tokens and no other inputs, and one format of prompts.
 *
 * @example
 * ```ts
 * import { bucketBatches, packBatches } from "@lowrank/core/data";
 *
 * const rows = [9, 2, 8, 3].map((size) => ({ tokens: Array(size).fill(7), scoredFrom: 1 }));
 * const batches = [...packBatches(rows, { batch: 2, length: 16 }, 0)];
 * const lengths = [...bucketBatches(batches, 2, 1)].map(({ targets }) => targets.shape[1]);
 * console.log(lengths.sort()); // [ 4, 8 ] in place of 16 and 16
 * ```
 */
export function bucketBatches(
  batches: Iterable<Batch>,
  window: number,
  seed: number,
): Iterable<Batch> {
  return {
    *[Symbol.iterator]() {
      const random = new Random(seed);
      let waiting: Batch[] = [];
      for (const batch of batches) {
        waiting.push(batch);
        if (waiting.length < window) continue;
        yield* inBuckets(waiting, random);
        waiting = [];
      }
      yield* inBuckets(waiting, random);
    },
  };
}

function* inBuckets(batches: readonly Batch[], random: Random): Generator<Batch> {
  const rows = batches.flatMap(unpackBatch).sort((a, b) => a.length - b.length);
  const size = rows.length / batches.length;
  for (const place of random.permutation(batches.length)) {
    const { promptFormat } = batches[place];
    yield { ...trimmed(rows.slice(place * size, (place + 1) * size)), promptFormat };
  }
}

type Row = ReturnType<typeof unpackBatch>[number];

function unpackBatch({ inputs: { tokens }, targets }: Batch) {
  const [rows, width] = targets.shape;
  return Array.from({ length: rows }, (_, row) => {
    const [own, next] = [tokens, targets].map(({ data }) =>
      data.subarray(row * width, (row + 1) * width)
    );
    return { tokens: own, targets: next, length: next.findLastIndex((one) => one !== IGNORED) + 1 };
  });
}

function trimmed(rows: readonly Row[]): Batch {
  const [width, longest] = [Math.max(...rows.map((r) => r.tokens.length)), rows.at(-1)!.length];
  const length = Math.min(width, 4 * Math.ceil(Math.max(1, longest) / 4));
  const shape = [rows.length, length], tokens = new Uint32Array(rows.length * length);
  const targets = new Int32Array(tokens.length).fill(IGNORED); // A row's own batch may have been shorter.
  rows.forEach((row, i) => {
    tokens.set(row.tokens.subarray(0, length), i * length);
    targets.set(row.targets.subarray(0, length), i * length);
  });
  return { inputs: { tokens: { shape, data: tokens } }, targets: { shape, data: targets } };
}
