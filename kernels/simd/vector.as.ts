/**
 * Vectors of four f32, and handling the end of a row.
 *
 * Loads may reach past the end of a buffer, into its padding or the next buffer, by up to 60 bytes: a line
 * of 16 values of which only the first is the buffer's. The device keeps the last page of memory free
 * (src/device/cpu/cpu_device.ts), and the excess lanes are never stored. Stores must not.
 */

export const LANES: u32 = 4;
export const VECTOR: usize = 16;

/** Bytes of `count` f32 values. */
// @ts-ignore: decorator
@inline export function bytesOf(count: u32): usize {
  return <usize>count << 2;
}

/** a · b + c, with one rounding where the hardware has a fused multiply-add. */
// @ts-ignore: decorator
@inline export function madd(a: v128, b: v128, c: v128): v128 {
  return f32x4.relaxed_madd(a, b, c);
}

// @ts-ignore: decorator
@inline export function splat(x: f32): v128 {
  return f32x4.splat(x);
}

// @ts-ignore: decorator
@inline export function zero(): v128 {
  return f32x4.splat(0);
}

/** Stores `x`, or as many of its lanes as fit before `last`. */
// @ts-ignore: decorator
@inline export function storeUntil(last: usize, at: usize, x: v128): void {
  if (at + VECTOR <= last) v128.store(at, x);
  else storePart(at, x, <u32>(last - at) >> 2);
}

/** Stores the first `count` lanes, 1 to 3. */
// @ts-ignore: decorator
@inline export function storePart(at: usize, x: v128, count: u32): void {
  if (count >= 2) v128.store64_lane(at, x, 0);
  if (count == 1) v128.store32_lane(at, x, 0);
  else if (count == 3) v128.store32_lane(at, x, 2, 8);
}

/** Four rows of four elements transposed, to rows `step` bytes apart. */
// @ts-ignore: decorator
@inline export function storeTransposed(
  to: usize,
  step: usize,
  x0: v128,
  x1: v128,
  x2: v128,
  x3: v128,
): void {
  const low01 = i32x4.shuffle(x0, x1, 0, 4, 1, 5), high01 = i32x4.shuffle(x0, x1, 2, 6, 3, 7);
  const low23 = i32x4.shuffle(x2, x3, 0, 4, 1, 5), high23 = i32x4.shuffle(x2, x3, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(low01, low23, 0, 2));
  v128.store(to + step, i64x2.shuffle(low01, low23, 1, 3));
  v128.store(to + 2 * step, i64x2.shuffle(high01, high23, 0, 2));
  v128.store(to + 3 * step, i64x2.shuffle(high01, high23, 1, 3));
}

/** All ones in the first `count` lanes. */
// @ts-ignore: decorator
@inline export function firstLanes(count: u32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(<i32>count));
}

/** The vector at `at`, with zeros in the lanes at and past `last`. */
// @ts-ignore: decorator
@inline export function loadUntil(last: usize, at: usize): v128 {
  const x = v128.load(at);
  return at + VECTOR <= last ? x : v128.and(x, firstLanes(<u32>(last - at) >> 2));
}

/** The vector at `at` if `accumulate`, else 0: a kernel must not read what it overwrites. */
// @ts-ignore: decorator
@inline export function loadIf(accumulate: u32, at: usize): v128 {
  return accumulate ? v128.load(at) : zero();
}

// @ts-ignore: decorator
@inline export function sumLanes(x: v128): f32 {
  const pairs = f32x4.add(x, i32x4.shuffle(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** The largest value of a range. A NaN may get lost, so callers must not rely on it to propagate NaN. */
export function largestOf(at: usize, last: usize, before: f32): f32 {
  let even = splat(before), odd = even;
  for (; at + 2 * VECTOR <= last; at += 2 * VECTOR) {
    even = f32x4.pmax(even, v128.load(at));
    odd = f32x4.pmax(odd, v128.load(at, 16));
  }
  for (; at < last; at += 4) even = f32x4.pmax(even, v128.load32_splat(at));
  const four = f32x4.pmax(even, odd);
  const two = f32x4.pmax(four, i32x4.shuffle(four, four, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.pmax(two, i32x4.shuffle(two, two, 1, 0, 3, 2)), 0);
}
