/**
 * Small packed matrices and their products.
 *
 * The operands of a head fit into the nearest caches, so a product here has no blocks: the left operand
 * is packed in panels of 4 rows, `[row / 4][step][row % 4]`, the right one is a panel of 8 columns,
 * `[step][column]`, and so is the result, which can be the right operand of the next product as it is.
 */

import { tile } from "../matmul/micro.as";
import {
  bytesOf,
  loadIf,
  splat,
  storePart,
  storeTransposed,
  VECTOR,
  zero,
} from "../simd/vector.as";

/** Rows of a panel of the left operand. */
export const HEIGHT: u32 = 4;
/** Columns of a panel of the right operand. */
export const LANES: u32 = 8;
/** Bytes of a row of such a panel. */
export const ROW: usize = 32;

/** `count` rounded up to whole panels of 4. */
// @ts-ignore: decorator
@inline export function padded(count: u32): u32 {
  return (count + 3) & ~3;
}

/**
 * c[row] = (held ? c[row] : 0) + Σ_s a[row][s] b[s] - (less ? less[row] : 0) for `rows` rows rounded up to
 * 4, `steps` terms and 8 columns. The panels of a are `panel` bytes long.
 */
export function product(
  rows: u32,
  steps: u32,
  a: usize,
  panel: usize,
  b: usize,
  c: usize,
  held: u32,
  less: usize,
): void {
  for (const last = c + ROW * <usize>rows; c < last; c += 4 * ROW, a += panel) {
    tile(steps, a, b, c, ROW, 1, 0, held);
    if (less) {
      for (let row: usize = 0; row < 4 * ROW; row += ROW, less += 4) {
        const by = v128.load32_splat(less);
        v128.store(c + row, f32x4.sub(v128.load(c + row), by));
        v128.store(c + row, f32x4.sub(v128.load(c + row, 16), by), 16);
      }
    }
  }
}

/**
 * Rows as rows of panels of `lanes` (4 or 8) that are padded(width) steps long: to[row / lanes][column]
 * [row % lanes] = factor · from[row][column]. Rows past the last repeat it.
 */
// @ts-ignore: decorator
@inline export function packRows(
  lanes: u32,
  to: usize,
  from: usize,
  rowBytes: usize,
  rows: u32,
  width: u32,
  factor: f32,
): void {
  const step = bytesOf(lanes), panel = step * padded(width), scale = splat(factor), last = rows - 1;
  for (let row: u32 = 0; row < rows; row += 4) {
    let at = to + <usize>(row / lanes) * panel + bytesOf(row & (lanes - 1));
    let r0 = from + <usize>row * rowBytes, r1 = from + <usize>min(row + 1, last) * rowBytes;
    let r2 = from + <usize>min(row + 2, last) * rowBytes;
    let r3 = from + <usize>min(row + 3, last) * rowBytes;
    for (const end = r0 + bytesOf(width); r0 < end; at += 4 * step) {
      const x0 = f32x4.mul(v128.load(r0), scale), x1 = f32x4.mul(v128.load(r1), scale);
      const x2 = f32x4.mul(v128.load(r2), scale), x3 = f32x4.mul(v128.load(r3), scale);
      storeTransposed(at, step, x0, x1, x2, x3);
      r0 += VECTOR, r1 += VECTOR, r2 += VECTOR, r3 += VECTOR;
    }
  }
}

/** Columns as rows of panels of 4 that are `rows` steps long: to[column / 4][row][column % 4]. */
export function packColumns(to: usize, from: usize, rowBytes: usize, rows: u32, width: u32): void {
  const panel = VECTOR * rows;
  for (const last = to + panel; to < last; to += VECTOR, from += rowBytes) {
    let at = to;
    for (let column: usize = 0; column < bytesOf(width); column += VECTOR, at += panel) {
      v128.store(at, v128.load(from + column));
    }
  }
}

/** Transposes a block of 8 x 8. */
export function transposeBlock(to: usize, from: usize): void {
  for (let half: usize = 0; half < 2; half++, to += VECTOR, from += 4 * ROW) {
    for (let side: usize = 0; side < 2; side++) {
      const x = from + side * VECTOR;
      const x0 = v128.load(x), x1 = v128.load(x, 32), x2 = v128.load(x, 64), x3 = v128.load(x, 96);
      storeTransposed(to + side * 4 * ROW, ROW, x0, x1, x2, x3);
    }
  }
}

/**
 * Writes a result back in rows: to[column][row] = (accumulate ? to[column][row] : 0) + factor[column] ·
 * panel[row][column] for `rows` rows and the first `count` of 8 columns. 0 where the factor is.
 */
// @ts-ignore: decorator
@inline export function writeColumns(
  to: usize,
  rowBytes: usize,
  panel: usize,
  rows: u32,
  count: u32,
  left: v128,
  right: v128,
  accumulate: u32,
): void {
  writeFour(to, rowBytes, panel, rows, min(4, count), left, accumulate);
  if (count <= 4) return;
  writeFour(to + 4 * rowBytes, rowBytes, panel + VECTOR, rows, count - 4, right, accumulate);
}

function writeFour(
  to: usize,
  rowBytes: usize,
  from: usize,
  rows: u32,
  columns: u32,
  scale: v128,
  accumulate: u32,
): void {
  const some = f32x4.ne(scale, zero());
  for (let row: u32 = 0; row < rows; row += 4, from += 4 * ROW) {
    const x0 = v128.and(some, f32x4.mul(v128.load(from), scale));
    const x1 = v128.and(some, f32x4.mul(v128.load(from, 32), scale));
    const x2 = v128.and(some, f32x4.mul(v128.load(from, 64), scale));
    const x3 = v128.and(some, f32x4.mul(v128.load(from, 96), scale));
    const low01 = i32x4.shuffle(x0, x1, 0, 4, 1, 5), high01 = i32x4.shuffle(x0, x1, 2, 6, 3, 7);
    const low23 = i32x4.shuffle(x2, x3, 0, 4, 1, 5), high23 = i32x4.shuffle(x2, x3, 2, 6, 3, 7);
    const y0 = i64x2.shuffle(low01, low23, 0, 2), y1 = i64x2.shuffle(low01, low23, 1, 3);
    const y2 = i64x2.shuffle(high01, high23, 0, 2), y3 = i64x2.shuffle(high01, high23, 1, 3);
    const at = to + bytesOf(row), left = rows - row;
    if (left >= 4 && columns == 4 && !accumulate) {
      v128.store(at, y0), v128.store(at + rowBytes, y1);
      v128.store(at + 2 * rowBytes, y2), v128.store(at + 3 * rowBytes, y3);
      continue;
    }
    put(at, y0, left, accumulate);
    if (columns > 1) put(at + rowBytes, y1, left, accumulate);
    if (columns > 2) put(at + 2 * rowBytes, y2, left, accumulate);
    if (columns > 3) put(at + 3 * rowBytes, y3, left, accumulate);
  }
}

function put(at: usize, x: v128, left: u32, accumulate: u32): void {
  const sum = f32x4.add(loadIf(accumulate, at), x);
  if (left >= 4) v128.store(at, sum);
  else storePart(at, sum, left);
}
