/** Parts of both the forward and the backward kernel of attention. @module */

import { ceilDivide, type Numbers } from "../kernel.ts";

/** The rows of one sequence. */
export interface SequenceRows {
  /** The first row of q. */
  readonly query: number;
  /** Number of rows of q. */
  readonly queries: number;
  /** The first row of k and v. */
  readonly key: number;
  /** Number of rows of k and v. */
  readonly keys: number;
}

/** Extents of sequences that are not packed. */
interface EqualLengths {
  readonly queries: number;
  readonly keys: number;
  readonly kvRows: number;
}

/** The rows of sequence b: from starts[b] to starts[b + 1] if sequences are packed, else as many as of all. */
export function sequenceRows(
  b: number,
  starts: Numbers | undefined,
  { queries, keys, kvRows }: EqualLengths,
): SequenceRows {
  if (!starts) return { query: b * queries, queries, key: b * kvRows, keys };
  const length = starts[b + 1] - starts[b];
  return { query: starts[b], queries: length, key: starts[b], keys: length };
}

/** Σ x y over `length` elements of each. */
export function dot(x: Numbers, xAt: number, y: Numbers, yAt: number, length: number): number {
  let sum = 0;
  for (let d = 0; d < length; d++) sum += x[xAt + d] * y[yAt + d];
  return sum;
}

/** The widest head that fits the registers of the WGSL kernels. */
const widestHead = 128;

/** Chunks of 32 columns that hold a head's sums. */
export function chunksOf(headWidth: number): number {
  if (headWidth <= widestHead) return ceilDivide(headWidth, 32);
  throw new RangeError(
    `attention on webgpu takes heads of at most ${widestHead} columns, found ${headWidth}`,
  );
}

/** Tiles of 8 rows by 32 columns that cover a head. */
export function tiles({ headWidth }: { headWidth: number }, rows: number): number {
  return ceilDivide(rows, 8) * ceilDivide(headWidth, 32);
}
