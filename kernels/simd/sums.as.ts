/** Sums over a contiguous range: blocks in f32 lanes, the blocks' sums in f64. */

import { firstLanes, madd, sumLanes, VECTOR, zero } from "./vector.as";

export const BLOCK: u32 = 512;

/** The vector at `at`, its lanes past `last` zero. */
// @ts-ignore: decorator
@inline export function loadMasked(at: usize, last: usize): v128 {
  const x = v128.load(at);
  return at + VECTOR <= last ? x : v128.and(x, firstLanes(<u32>(last - at) >> 2));
}

export function sumBlocks(x: usize, size: u32): f64 {
  let total: f64 = 0;
  for (let start: u32 = 0; start < size; start += BLOCK) {
    total += sumOf(x + (<usize>start << 2), min(BLOCK, size - start));
  }
  return total;
}

function sumOf(x: usize, count: u32): f32 {
  let even = zero(), odd = zero();
  const last: usize = x + (<usize>count << 2);
  for (; x + 2 * VECTOR <= last; x += 2 * VECTOR) {
    even = f32x4.add(even, v128.load(x));
    odd = f32x4.add(odd, v128.load(x, 16));
  }
  for (; x < last; x += VECTOR) even = f32x4.add(even, loadMasked(x, last));
  return sumLanes(f32x4.add(even, odd));
}

export function sumSquareBlocks(x: usize, size: u32): f64 {
  let total: f64 = 0;
  for (let start: u32 = 0; start < size; start += BLOCK) {
    total += sumSquaresOf(x + (<usize>start << 2), min(BLOCK, size - start));
  }
  return total;
}

function sumSquaresOf(x: usize, count: u32): f32 {
  let even = zero(), odd = zero();
  const last: usize = x + (<usize>count << 2);
  for (; x + 2 * VECTOR <= last; x += 2 * VECTOR) {
    const a = v128.load(x), b = v128.load(x, 16);
    even = madd(a, a, even);
    odd = madd(b, b, odd);
  }
  for (; x < last; x += VECTOR) {
    const a = loadMasked(x, last);
    even = madd(a, a, even);
  }
  return sumLanes(f32x4.add(even, odd));
}
