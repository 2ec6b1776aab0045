/** Which rows make a batch, by their lengths alone. How a batch is laid out is the layout's. @module */

import { boundsOf } from "../core/numbers.ts";
import { quote } from "../core/quote.ts";
import type { Random } from "../core/random.ts";

/** Which rows share a batch: those of like length, or those that are drawn one after another. */
export type BatchOrder = typeof batchOrders[number];

/** Both of them. */
export const batchOrders = ["like-length", "random"] as const;

/**
 * Throws for an order that does not exist.
 *
 * @throws {RangeError} then.
 */
export function assertOrder(order: BatchOrder): void {
  if (batchOrders.includes(order)) return;
  const known = batchOrders.join(" or ");
  throw new RangeError(`the order of batches must be ${known}, found ${quote(order)}`);
}

/** What a batch's size depends on. */
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

/** When a batch is full. */
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

/** How many times at least a pass is sorted anew: were it once, every batch of a small file had texts of one length. */
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
