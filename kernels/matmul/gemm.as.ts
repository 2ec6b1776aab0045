/** Blocked matrix product on addresses, for matmul and for attention. */

import { scratch } from "../simd/scratch.as";
import { COLUMNS, edgeTile, tile } from "./micro.as";
import { packA, packB, panelRows } from "./pack.as";

const DEPTH: u32 = 256; // steps of k a block: a panel of B is 8 kB, in the first-level cache
const ROWS: u32 = 96; // rows of A a block: 96 kB, in the second level
const WIDTH: u32 = 512; // columns of B a block: 512 kB

const PACKED_B: usize = ROWS * DEPTH * 4;
const SPARE: usize = PACKED_B + WIDTH * DEPTH * 4;

/** Where the scratch that the product leaves free begins. */
export const GEMM_BYTES: usize = SPARE + 256;

/**
 * C = (held ? C : 0) + bias + alpha · A B, with element (i, p) of A at a + i · aRow + p · aStep, (p, j) of B at
 * b + p · bStep + j · bColumn (bytes; one of each pair is 4), and rows of C cRow bytes apart.
 */
export function gemm(
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
  for (let column: u32 = 0; column < n; column += WIDTH) {
    const columns = min(WIDTH, n - column);
    let step: u32 = 0;
    do {
      const depth = min(DEPTH, k - step);
      packB(scratch(PACKED_B), b + column * bColumn + step * bStep, columns, depth, bColumn, bStep);
      for (let row: u32 = 0; row < m; row += ROWS) {
        const rows = min(ROWS, m - row);
        packA(scratch(0), a + row * aRow + step * aStep, rows, depth, aRow, aStep);
        const to = c + row * cRow + (<usize>column << 2);
        const biasAt = bias && step == 0 ? bias + (<usize>column << 2) : 0;
        block(rows, columns, depth, to, cRow, alpha, biasAt, held || step > 0 ? 1 : 0);
      }
      step += DEPTH;
    } while (step < k);
  }
}

/** All tiles of a packed block. */
function block(
  rows: u32,
  columns: u32,
  depth: u32,
  c: usize,
  cRow: usize,
  alpha: f32,
  bias: usize,
  held: u32,
): void {
  for (let column: u32 = 0; column < columns; column += COLUMNS) {
    const panel = scratch(PACKED_B) + (<usize>(column * depth) << 2);
    const left = columns - column, biasAt = bias ? bias + (<usize>column << 2) : 0;
    for (let row: u32 = 0; row < rows;) {
      const height = panelRows(rows - row);
      const from = scratch(0) + (<usize>(row * depth) << 2);
      const to = c + row * cRow + (<usize>column << 2);
      if (left >= COLUMNS) tile(height, depth, from, panel, to, cRow, alpha, biasAt, held);
      else edgeTile(height, left, depth, from, panel, to, cRow, alpha, biasAt, held, scratch(SPARE));
      row += height;
    }
  }
}
