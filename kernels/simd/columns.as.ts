/**
 * Sums over rows, a block of rows at a time, so that the error grows with the size and the number of
 * blocks rather than with the number of rows. Within a block the totals of a cache line's columns are
 * kept in registers or, where there are many operands, those of more columns in scratch.
 */

import { loadIf, storeUntil, VECTOR, zero } from "./vector.as";

/** Rows per block. */
export const BLOCK_ROWS: u32 = 128;

/** Columns of a cache line. */
export const LINE: u32 = 16;

/** Columns whose totals are kept in scratch at once. */
export const COLUMNS: u32 = 512;

export function clearTotals(totals: usize, bytes: usize): void {
  for (let at: usize = 0; at < bytes; at += VECTOR) v128.store(totals + at, zero());
}

/** to = (accumulate ? to : 0) + totals. */
export function addTotals(to: usize, totals: usize, bytes: usize, accumulate: u32): void {
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const held = loadIf(accumulate, to + at);
    storeUntil(to + bytes, to + at, f32x4.add(held, v128.load(totals + at)));
  }
}

/** The same for the totals of at most a line: to = (held ? to : 0) + s. */
// @ts-ignore: decorator
@inline export function addLine(
  to: usize,
  bytes: usize,
  s0: v128,
  s1: v128,
  s2: v128,
  s3: v128,
  held: u32,
): void {
  const last = to + bytes;
  storeUntil(last, to, f32x4.add(loadIf(held, to), s0));
  if (bytes > 16) storeUntil(last, to + 16, f32x4.add(loadIf(held, to + 16), s1));
  if (bytes > 32) storeUntil(last, to + 32, f32x4.add(loadIf(held, to + 32), s2));
  if (bytes > 48) storeUntil(last, to + 48, f32x4.add(loadIf(held, to + 48), s3));
}
