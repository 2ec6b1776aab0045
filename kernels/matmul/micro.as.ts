/**
 * The innermost loop: 4 rows by 8 columns of C, all in registers.
 *
 * Every element of C is one chain of multiply-adds in the order of k, so its bits do not depend on its
 * tile or on how threads divide the work.
 *
 * V8 checks the bounds of every load, which costs up to two instructions more, so what counts is how few
 * loads there are for each multiply-add. Here a step loads three vectors for eight: a column of A and a
 * row of B. Its lanes are paired off by rotating the column, r = 0 to 3, so lane j of sum r belongs to row
 * (j + r) mod 4, and `storeTile` puts them in order. Decision 0042 has what V8 makes of it.
 */

import { madd, splat, storePart, VECTOR, zero } from "../simd/vector.as";

/** Rows of a tile. */
export const TILE_ROWS: u32 = 4;
/** Columns of a tile. */
export const COLUMNS: u32 = 8;

// @ts-ignore: decorator
@inline function rotate(x: v128): v128 {
  return i32x4.shuffle(x, x, 1, 2, 3, 0);
}

/** Every other lane of each, from lane 0 of x and lane 1 of y. */
// @ts-ignore: decorator
@inline function alternate(x: v128, y: v128): v128 {
  return i32x4.shuffle(x, y, 0, 5, 2, 7);
}

/** The first half of x and the second of y. */
// @ts-ignore: decorator
@inline function halves(x: v128, y: v128): v128 {
  return i64x2.shuffle(x, y, 0, 3);
}

/** c = (held ? c : 0) + bias + alpha · sum. */
// @ts-ignore: decorator
@inline function storeRow(c: usize, sum: v128, alpha: v128, bias: v128, held: u32): void {
  v128.store(c, madd(sum, alpha, held ? f32x4.add(v128.load(c), bias) : bias));
}

/** Four columns of a tile, from the sums of the four rotations. */
// @ts-ignore: decorator
@inline function storeColumns(
  c: usize,
  stride: usize,
  r0: v128,
  r1: v128,
  r2: v128,
  r3: v128,
  alpha: v128,
  bias: v128,
  held: u32,
): void {
  const x03 = alternate(r0, r3), x10 = alternate(r1, r0);
  const x21 = alternate(r2, r1), x32 = alternate(r3, r2);
  storeRow(c, halves(x03, x21), alpha, bias, held);
  storeRow(c + stride, halves(x10, x32), alpha, bias, held);
  storeRow(c + 2 * stride, halves(x21, x03), alpha, bias, held);
  storeRow(c + 3 * stride, halves(x32, x10), alpha, bias, held);
}

/** A whole tile. a is packed with 4 floats per step, b with 8. */
export function tile(
  k: u32,
  a: usize,
  b: usize,
  c: usize,
  stride: usize,
  alpha: f32,
  bias: usize,
  held: u32,
): void {
  let l0 = zero(), l1 = zero(), l2 = zero(), l3 = zero();
  let r0 = zero(), r1 = zero(), r2 = zero(), r3 = zero();
  // V8 takes several steps a turn by itself; written out, sums get no register.
  for (const end = b + (<usize>k << 5); b < end; a += 16, b += 32) {
    const left = v128.load(b), right = v128.load(b, 16);
    const a0 = v128.load(a), a1 = rotate(a0), a2 = rotate(a1), a3 = rotate(a2);
    l0 = madd(a0, left, l0), r0 = madd(a0, right, r0);
    l1 = madd(a1, left, l1), r1 = madd(a1, right, r1);
    l2 = madd(a2, left, l2), r2 = madd(a2, right, r2);
    l3 = madd(a3, left, l3), r3 = madd(a3, right, r3);
  }
  const factor = splat(alpha);
  const biasLeft = bias ? v128.load(bias) : zero(), biasRight = bias ? v128.load(bias, 16) : zero();
  storeColumns(c, stride, l0, l1, l2, l3, factor, biasLeft, held);
  storeColumns(c + VECTOR, stride, r0, r1, r2, r3, factor, biasRight, held);
}

/** A tile of which C has only the first rows and columns: computed whole at `spare` and copied. */
export function edgeTile(
  rows: u32,
  columns: u32,
  k: u32,
  a: usize,
  b: usize,
  c: usize,
  stride: usize,
  alpha: f32,
  bias: usize,
  held: u32,
  spare: usize,
): void {
  const row: usize = 4 * COLUMNS;
  if (held) {
    for (let i: usize = 0; i < rows; i++) {
      v128.store(spare + i * row, v128.load(c + i * stride));
      v128.store(spare + i * row, v128.load(c + i * stride, 16), 16);
    }
  }
  tile(k, a, b, spare, row, alpha, bias, held);
  for (let i: usize = 0; i < rows; i++) {
    const from = spare + i * row, to = c + i * stride;
    if (columns >= 4) v128.store(to, v128.load(from));
    else storePart(to, v128.load(from), columns);
    if (columns == 8) v128.store(to, v128.load(from, 16), 16);
    else if (columns > 4) storePart(to + VECTOR, v128.load(from, 16), columns - 4);
  }
}
