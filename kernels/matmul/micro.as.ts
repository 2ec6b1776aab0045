/**
 * The innermost loop: R rows by 8 columns of C, all in registers.
 *
 * Every element of C is one chain of multiply-adds in the order of k, so its bits do not depend on its
 * tile or on how threads divide the work. V8 checks the bounds of every load unless the same bytes were
 * checked before. So A is loaded as whole vectors, again for each lane, which costs no register either.
 * Measured on one thread of a Xeon (Sapphire Rapids), Deno 2.9.6, R = 6, in GFLOP/s: lanes loaded one
 * by one 47.6, in two steps 47.6, vectors loaded once 54.5, once per lane 56.1, in four steps 52.3.
 */

import { madd, splat, storePart, VECTOR, zero } from "../simd/vector.as";

/** Columns of a tile. */
export const COLUMNS: u32 = 8;

// @ts-ignore: decorator
@inline function storeRow(
  c: usize,
  left: v128,
  right: v128,
  alpha: v128,
  biasLeft: v128,
  biasRight: v128,
  held: u32,
): void {
  let a = biasLeft, b = biasRight;
  if (held) {
    a = f32x4.add(v128.load(c), a);
    b = f32x4.add(v128.load(c, 16), b);
  }
  v128.store(c, madd(left, alpha, a));
  v128.store(c, madd(right, alpha, b), 16);
}

/** Number `index` of packed A in all lanes. */
// @ts-ignore: decorator
@inline function lane(a: usize, index: u32): v128 {
  const x = v128.load(a + (<usize>(index & ~3) << 2));
  if ((index & 3) == 0) return i32x4.shuffle(x, x, 0, 0, 0, 0);
  if ((index & 3) == 1) return i32x4.shuffle(x, x, 1, 1, 1, 1);
  if ((index & 3) == 2) return i32x4.shuffle(x, x, 2, 2, 2, 2);
  return i32x4.shuffle(x, x, 3, 3, 3, 3);
}

/**
 * a is packed with R floats per step, b with 8 floats per step. R is a constant where this is inlined,
 * so the branches on it and the registers of absent rows vanish.
 */
// @ts-ignore: decorator
@inline function micro(
  R: u32,
  k: u32,
  a: usize,
  b: usize,
  c: usize,
  stride: usize,
  alpha: f32,
  bias: usize,
  held: u32,
): void {
  let c00 = zero(), c01 = zero(), c10 = zero(), c11 = zero(), c20 = zero(), c21 = zero();
  let c30 = zero(), c31 = zero(), c40 = zero(), c41 = zero(), c50 = zero(), c51 = zero();
  const end: usize = b + (<usize>k << 5), pairs: usize = R < 4 ? b : end - (k & 1 ? 32 : 0);
  for (; b < pairs; b += 64, a += R * 8) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    const a0 = lane(a, 0);
    c00 = madd(a0, b0, c00), c01 = madd(a0, b1, c01);
    const a1 = lane(a, 1);
    c10 = madd(a1, b0, c10), c11 = madd(a1, b1, c11);
    const a2 = lane(a, 2);
    c20 = madd(a2, b0, c20), c21 = madd(a2, b1, c21);
    const a3 = lane(a, 3);
    c30 = madd(a3, b0, c30), c31 = madd(a3, b1, c31);
    if (R > 4) {
      const a4 = lane(a, 4);
      c40 = madd(a4, b0, c40), c41 = madd(a4, b1, c41);
      const a5 = lane(a, 5);
      c50 = madd(a5, b0, c50), c51 = madd(a5, b1, c51);
    }
    const b2 = v128.load(b, 32), b3 = v128.load(b, 48);
    const a6 = lane(a, R);
    c00 = madd(a6, b2, c00), c01 = madd(a6, b3, c01);
    const a7 = lane(a, R + 1);
    c10 = madd(a7, b2, c10), c11 = madd(a7, b3, c11);
    const a8 = lane(a, R + 2);
    c20 = madd(a8, b2, c20), c21 = madd(a8, b3, c21);
    const a9 = lane(a, R + 3);
    c30 = madd(a9, b2, c30), c31 = madd(a9, b3, c31);
    if (R > 4) {
      const a10 = lane(a, R + 4);
      c40 = madd(a10, b2, c40), c41 = madd(a10, b3, c41);
      const a11 = lane(a, R + 5);
      c50 = madd(a11, b2, c50), c51 = madd(a11, b3, c51);
    }
  }
  for (; b < end; b += 32, a += R * 4) {
    const b0 = v128.load(b), b1 = v128.load(b, 16);
    const a0 = v128.load32_splat(a);
    c00 = madd(a0, b0, c00), c01 = madd(a0, b1, c01);
    if (R > 1) {
      const a1 = v128.load32_splat(a, 4);
      c10 = madd(a1, b0, c10), c11 = madd(a1, b1, c11);
    }
    if (R > 2) {
      const a2 = v128.load32_splat(a, 8), a3 = v128.load32_splat(a, 12);
      c20 = madd(a2, b0, c20), c21 = madd(a2, b1, c21);
      c30 = madd(a3, b0, c30), c31 = madd(a3, b1, c31);
    }
    if (R > 4) {
      const a4 = v128.load32_splat(a, 16), a5 = v128.load32_splat(a, 20);
      c40 = madd(a4, b0, c40), c41 = madd(a4, b1, c41);
      c50 = madd(a5, b0, c50), c51 = madd(a5, b1, c51);
    }
  }
  const factor = splat(alpha);
  const left = bias ? v128.load(bias) : zero(), right = bias ? v128.load(bias, 16) : zero();
  storeRow(c, c00, c01, factor, left, right, held);
  if (R > 1) storeRow(c + stride, c10, c11, factor, left, right, held);
  if (R > 2) {
    storeRow(c + 2 * stride, c20, c21, factor, left, right, held);
    storeRow(c + 3 * stride, c30, c31, factor, left, right, held);
  }
  if (R > 4) {
    storeRow(c + 4 * stride, c40, c41, factor, left, right, held);
    storeRow(c + 5 * stride, c50, c51, factor, left, right, held);
  }
}

/** A full tile of 6, 4, 2 or 1 rows. */
export function tile(
  rows: u32,
  k: u32,
  a: usize,
  b: usize,
  c: usize,
  stride: usize,
  alpha: f32,
  bias: usize,
  held: u32,
): void {
  if (rows == 6) micro(6, k, a, b, c, stride, alpha, bias, held);
  else if (rows == 4) micro(4, k, a, b, c, stride, alpha, bias, held);
  else if (rows == 2) micro(2, k, a, b, c, stride, alpha, bias, held);
  else micro(1, k, a, b, c, stride, alpha, bias, held);
}

/** A tile of fewer than 8 columns, computed as a full one at `spare` (192 bytes) and copied. */
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
  if (held) {
    for (let row: usize = 0; row < rows; row++) {
      v128.store(spare + row * 32, v128.load(c + row * stride));
      v128.store(spare + row * 32, v128.load(c + row * stride, 16), 16);
    }
  }
  tile(rows, k, a, b, spare, 32, alpha, bias, held);
  for (let row: usize = 0; row < rows; row++) {
    const from = spare + row * 32, to = c + row * stride;
    if (columns >= 4) v128.store(to, v128.load(from));
    else storePart(to, v128.load(from), columns);
    if (columns > 4) storePart(to + VECTOR, v128.load(from, 16), columns - 4);
  }
}
