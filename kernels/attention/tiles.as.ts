/** Where attention keeps its tiles, behind the product's packed blocks. */

import { GEMM_BYTES } from "../matmul/gemm.as";

export const TILE_QUERIES: u32 = 96;
export const TILE_KEYS: u32 = 256;

const TILE_BYTES: usize = TILE_QUERIES * TILE_KEYS * 4;

/** Scores, then probabilities. */
export const SCORES: usize = GEMM_BYTES;
/** Their gradients. */
export const GRADIENTS: usize = SCORES + TILE_BYTES;
/** Running maximum and sum of every query of a tile. */
export const STATISTICS: usize = GRADIENTS + TILE_BYTES;
