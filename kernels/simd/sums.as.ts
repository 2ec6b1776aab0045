/** Sums over a contiguous range: blocks in f32 lanes, the blocks' sums in f64. */

import { bytesOf, loadUntil, madd, splat, sumLanes, VECTOR, zero } from "./vector.as";

/** Elements per block. */
export const BLOCK: u32 = 512;

/** Σ x. */
export function sumOf(x: usize, count: u32): f64 {
  let total: f64 = 0;
  for (const end = x + bytesOf(count); x < end; x += bytesOf(BLOCK)) {
    total += blockSum(x, min(end, x + bytesOf(BLOCK)));
  }
  return total;
}

function blockSum(x: usize, last: usize): f32 {
  let even = zero(), odd = zero();
  for (; x + 2 * VECTOR <= last; x += 2 * VECTOR) {
    even = f32x4.add(even, v128.load(x));
    odd = f32x4.add(odd, v128.load(x, 16));
  }
  for (; x < last; x += VECTOR) even = f32x4.add(even, loadUntil(last, x));
  return sumLanes(f32x4.add(even, odd));
}

/** Σ (x - center)². */
export function sumOfSquares(x: usize, count: u32, center: f32): f64 {
  let total: f64 = 0;
  for (const end = x + bytesOf(count); x < end; x += bytesOf(BLOCK)) {
    total += blockSquares(x, min(end, x + bytesOf(BLOCK)), center);
  }
  return total;
}

function blockSquares(x: usize, last: usize, center: f32): f32 {
  const centers = splat(center);
  let even = zero(), odd = zero();
  for (; x + 2 * VECTOR <= last; x += 2 * VECTOR) {
    const a = f32x4.sub(v128.load(x), centers), b = f32x4.sub(v128.load(x, 16), centers);
    even = madd(a, a, even);
    odd = madd(b, b, odd);
  }
  let sum = sumLanes(f32x4.add(even, odd));
  for (; x < last; x += 4) sum += (load<f32>(x) - center) * (load<f32>(x) - center);
  return sum;
}
