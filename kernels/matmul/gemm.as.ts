/** Blocked matrix product on addresses. */

import { scratch } from "../simd/scratch.as";
import { bytesOf } from "../simd/vector.as";
import { COLUMNS, edgeTile, tile, TILE_ROWS } from "./micro.as";
import { packA, packB } from "./pack.as";

/** Terms of a block: a sum of more is the sum of its blocks. */
export const DEPTH: u32 = 256; // steps of k per block: a panel of B is 8 kB, in the first-level cache
const ROWS: u32 = 48; // rows of A per block: 48 kB, in the second-level cache; 16 to 96 rows take as long (0042)
const WIDTH: u32 = 512; // columns of B per block: 512 kB

const BLOCK_A: u32 = ROWS * DEPTH;
/** Elements of the scratch for packed B. */
export const BLOCK_B: u32 = WIDTH * DEPTH;
/** Its offset in scratch. */
export const PACKED_B: usize = 4 * BLOCK_A;
const SPARE: usize = PACKED_B + 4 * BLOCK_B; // a tile

/**
 * C = (held ? C : 0) + bias + alpha · A B, with element (i, p) of A at a + i · aRow + p · aStep and
 * (p, j) of B at b + p · bStep + j · bColumn (bytes; one of each pair is 4), and rows of C cRow bytes
 * apart. B has storage type T (`loadFour`); one of its pair is then the bytes of a T.
 */
export function gemm<T>(
  m: u32,
  n: u32,
  k: u32,
  a: usize,
  aRow: usize,
  aStep: usize,
  b: usize,
  bColumn: usize,
  bStep: usize,
  c: usize,
  cRow: usize,
  alpha: f32,
  bias: usize,
  held: u32,
): void {
  const packed = scratch(PACKED_B);
  for (let column: u32 = 0; column < n; column += WIDTH) {
    const columns = min(WIDTH, n - column), to = c + bytesOf(column);
    let step: u32 = 0;
    do {
      const depth = min(DEPTH, k - step), first = step == 0;
      const block = b + <usize>column * bColumn + <usize>step * bStep;
      packB<T>(packed, block, columns, depth, bColumn, bStep);
      const from = a + <usize>step * aStep, add = first && bias ? bias + bytesOf(column) : 0;
      const keep = first ? held : 1;
      gemmPacked(m, columns, depth, from, aRow, aStep, packed, depth, to, cRow, alpha, add, keep);
      step += DEPTH;
    } while (step < k);
  }
}

/** The same for a B that packB has packed completely, `steps` >= k deep. k is at most DEPTH. */
export function gemmPacked(
  m: u32,
  n: u32,
  k: u32,
  a: usize,
  aRow: usize,
  aStep: usize,
  packed: usize,
  steps: u32,
  c: usize,
  cRow: usize,
  alpha: f32,
  bias: usize,
  held: u32,
): void {
  for (let row: u32 = 0; row < m; row += ROWS) {
    const rows = min(ROWS, m - row);
    packA(scratch(0), a + <usize>row * aRow, rows, k, aRow, aStep);
    block(rows, n, k, packed, steps, c + <usize>row * cRow, cRow, alpha, bias, held);
  }
}

/** All tiles of a packed block. */
function block(
  rows: u32,
  columns: u32,
  depth: u32,
  packed: usize,
  steps: u32,
  c: usize,
  cRow: usize,
  alpha: f32,
  bias: usize,
  held: u32,
): void {
  const spare = scratch(SPARE);
  for (let column: u32 = 0; column < columns; column += COLUMNS) {
    const panel = packed + bytesOf(column * steps), left = min(COLUMNS, columns - column);
    const biasAt = bias ? bias + bytesOf(column) : 0;
    for (let row: u32 = 0; row < rows; row += TILE_ROWS) {
      const from = scratch(bytesOf(row * depth)), height = min(TILE_ROWS, rows - row);
      const to = c + <usize>row * cRow + bytesOf(column);
      if (left >= COLUMNS && height == TILE_ROWS) tile(depth, from, panel, to, cRow, alpha, biasAt, held);
      else edgeTile(height, left, depth, from, panel, to, cRow, alpha, biasAt, held, spare);
    }
  }
}
