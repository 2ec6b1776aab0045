/**
 * How attention splits its work, and where it keeps tiles and packed operands.
 *
 * Within a tile the value of a hidden key is multiplied by a weight of 0, so a value that is not finite
 * shows in the output: a mask does not conceal a broken activation.
 */

import { BLOCK_B, FREE } from "../matmul/gemm.as";

/** Queries per tile. Small tiles waste less work on what a causal mask hides. */
export const TILE_QUERIES: u32 = 24;
/** Most keys per tile. */
export const TILE_KEYS: u32 = 256;
/** Queries whose running maximum and sum are kept at once. */
export const SPAN_QUERIES: u32 = 4096;

const TILE_BYTES: usize = TILE_QUERIES * TILE_KEYS * 4;

/** Bytes from one row of a tile to the next. */
export const TILE_ROW: usize = TILE_KEYS * 4;
/** Scores, then probabilities. */
export const SCORES: usize = FREE;
/** Their gradients. */
export const GRADIENTS: usize = SCORES + TILE_BYTES;
/** Running maximum and sum of every query of a span. */
export const STATISTICS: usize = GRADIENTS + TILE_BYTES;
/** One vector. */
export const SINGLE: usize = STATISTICS + 8 * SPAN_QUERIES;

/** Keys per tile such that `operands` packed copies fit into the scratch for packed operands. */
export function keysThatFit(headWidth: u32, operands: u32): u32 {
  return max(8, min(TILE_KEYS, BLOCK_B / operands / (headWidth + 8) & ~7));
}
