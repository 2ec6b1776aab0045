/** Rows of tokens, packed into batches with next tokens as targets. @module */

import type { Batch } from "../core/batch.ts";
import { quote } from "../core/errors.ts";
import { boundsOf } from "../core/numbers.ts";
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

/** Rule for sharing a batch: rows of like length, or rows that are drawn one after another. */
export type BatchOrder = typeof batchOrders[number];

/** All orders of batches. */
export const batchOrders = ["like-length", "random"] as const;

/**
 * Asserts that an order exists.
 *
 * @throws {RangeError} when it does not.
 */
export function assertOrder(order: BatchOrder): void {
  if (batchOrders.includes(order)) return;
  const known = batchOrders.join(" or ");
  throw new RangeError(`the order of batches must be ${known}, found ${quote(order)}`);
}

/** Totals on which a batch's size depends. */
export interface RowTotals {
  /** Number of rows. */
  readonly rows: number;
  /** Tokens of the longest. */
  readonly longest: number;
  /** Tokens of all. */
  readonly tokens: number;
}

/** Rows by their sizes. */
export interface RowSizes {
  /** Tokens of each row. */
  readonly lengths: readonly number[];
  /** Tokens that a step computes for some of them, with padding where the layout has it. */
  readonly tokensOf: (totals: RowTotals) => number;
  /** The prompt of each, where those of one prompt are to be measured together. */
  readonly prompts?: readonly string[];
}

/** Limits of a batch. */
export interface BatchLimit {
  /** Most rows. Default: any number. */
  readonly rows?: number;
  /** Most tokens that are computed. A longer row is a batch by itself. Default: any number. */
  readonly tokens?: number;
}

/** Indices of the rows of each batch. */
export type RowGroups = readonly (readonly number[])[];

/** Batches whose rows are sorted by length together, at most: see docs/decisions/0051. */
const mostWindow = 16;

/**
 * Least number of times that a pass is sorted anew: were it once, every batch of a small file had
 * texts of one length.
 */
const leastWindows = 4;

/**
 * One pass: every row once, in batches that come in random order. It depends on the sizes, the limit, the order and
 * the seed alone, so that a training that is resumed sees the same batches. For rows of like length, up to 16
 * batches at a time of rows in random order are sorted by length and cut anew.
 *
 * @param random A stream of which nothing has been drawn.
 */
export function drawGroups(
  sizes: RowSizes,
  limit: BatchLimit,
  { order, random }: { readonly order: BatchOrder; readonly random: Random },
): RowGroups {
  const drawn = fillGroups(random.permutation(sizes.lengths.length), sizes, limit);
  const window = Math.min(mostWindow, Math.floor(drawn.length / leastWindows));
  if (order === "random" || window < 2) return drawn;
  const sorted = windowsOf(drawn, window).flatMap((some) =>
    fillGroups(byLength(some.flat(), sizes), sizes, limit)
  );
  return Array.from(random.permutation(sorted.length), (index) => sorted[index]);
}

/**
 * Batches of rows that are measured without gradients: sorted by length, so that almost nothing is padding, but with
 * those of one prompt together, as this is then computed once, and as large as the limit allows. Use
 * {@link mostTokens} of batches that a training step takes: a forward pass over as many tokens that keeps nothing
 * takes less memory than theirs, whatever the step trains.
 */
export function measuredGroups(sizes: RowSizes, limit: BatchLimit): RowGroups {
  const sorted = byLength(sizes.lengths.keys(), sizes), { prompts } = sizes;
  return fillGroups(prompts ? byPrompt(sorted, prompts) : sorted, sizes, limit);
}

/** Rows in order, but those of one prompt before the last of them. */
const byPrompt = (rows: readonly number[], prompts: readonly string[]): number[] =>
  [...Map.groupBy(rows.toReversed(), (row) => prompts[row]).values()].flat().reverse();

/** Tokens of the rows of the largest of some batches. Padding does not count: most models leave it out. */
export function mostTokens(groups: RowGroups, { lengths }: RowSizes): number {
  const [, most] = boundsOf(
    groups.map((group) => group.reduce((tokens, row) => tokens + lengths[row], 0)),
  );
  return most;
}

/** Cuts rows, in their order, into batches that are as large as the limit allows. */
function fillGroups(
  order: Iterable<number>,
  { lengths, tokensOf }: RowSizes,
  { rows = Infinity, tokens = Infinity }: BatchLimit,
): number[][] {
  const groups: number[][] = [];
  let totals = none;
  for (const index of order) {
    const grown = withRow(totals, lengths[index]);
    const fits = groups.length > 0 && grown.rows <= rows && tokensOf(grown) <= tokens;
    totals = fits ? grown : withRow(none, lengths[index]);
    if (fits) groups.at(-1)!.push(index);
    else groups.push([index]);
  }
  return groups;
}

const none: RowTotals = { rows: 0, longest: 0, tokens: 0 };

const withRow = ({ rows, longest, tokens }: RowTotals, length: number): RowTotals => ({
  rows: rows + 1,
  longest: Math.max(longest, length),
  tokens: tokens + length,
});

/** Rows by their lengths; those of one length stay in their order. */
const byLength = (indices: Iterable<number>, { lengths }: RowSizes): number[] =>
  [...indices].sort((a, b) => lengths[a] - lengths[b]);

/** Spans of at most so many batches, as alike as they can be: a short last one would be hardly sorted. */
function windowsOf(groups: RowGroups, most: number): RowGroups[] {
  const count = Math.ceil(groups.length / most), size = Math.ceil(groups.length / count);
  return Array.from({ length: count }, (_, i) => groups.slice(i * size, (i + 1) * size));
}
