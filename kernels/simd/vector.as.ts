/**
 * Vectors of four f32 and where a row ends.
 *
 * Loads may reach past the end of a buffer, into its padding or a neighbour: the device keeps the last
 * bytes of memory free, and the lanes read too many are never stored. Stores may not.
 */

export const LANES: u32 = 4;
export const VECTOR: usize = 16;

/** a · b + c with one rounding where the machine has it. */
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

/** Stores the first `count` lanes, 1 to 3. */
export function storePart(at: usize, x: v128, count: u32): void {
  if (count == 1) return v128.store32_lane(at, x, 0);
  v128.store64_lane(at, x, 0);
  if (count == 3) v128.store32_lane(at, x, 2, 8);
}

/** All ones in the first `count` lanes. */
// @ts-ignore: decorator
@inline export function firstLanes(count: u32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(<i32>count));
}

// @ts-ignore: decorator
@inline export function sumLanes(x: v128): f32 {
  const pairs = f32x4.add(x, i32x4.shuffle(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(pairs, 0) + f32x4.extract_lane(pairs, 1);
}

/** The largest lane; a NaN may get lost, so whoever needs it must meet it again. */
// @ts-ignore: decorator
@inline export function maxLanes(x: v128): f32 {
  const pairs = f32x4.pmax(x, i32x4.shuffle(x, x, 2, 3, 0, 1));
  return f32x4.extract_lane(f32x4.pmax(pairs, i32x4.shuffle(pairs, pairs, 1, 0, 3, 2)), 0);
}

/** `x` if `accumulate`, else 0: what a kernel adds its result to, without reading what it need not. */
// @ts-ignore: decorator
@inline export function loadIf(accumulate: u32, at: usize): v128 {
  return accumulate ? v128.load(at) : zero();
}
