/**
 * Sums over rows, a block of rows at a time: within a block the totals of some columns are kept in
 * scratch, so that rows are read in memory order, and the error grows with the size and the number
 * of blocks rather than with the number of rows.
 */

import { loadIf, storeUntil, VECTOR, zero } from "./vector.as";

/** Rows per block. */
export const BLOCK_ROWS: u32 = 128;

/** Columns whose totals are kept at once. */
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
