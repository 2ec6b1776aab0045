/** Values in 4 bits to F32. */

import { bytesOf, splat } from "../simd/vector.as";

/** One value, before its scale. */
// @ts-ignore: decorator
@inline function valueAt(packed: usize, values: usize, at: u32): f32 {
  const pair = <u32>load<u8>(packed + (at >> 1));
  return load<f32>(values + bytesOf(at & 1 ? pair & 15 : pair >> 4));
}

/** The bytes of two vectors in turn, of their lower or their upper halves. */
// @ts-ignore: decorator
@inline function lowBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// @ts-ignore: decorator
@inline function highBytes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/** The same of pairs of bytes. */
// @ts-ignore: decorator
@inline function lowPairs(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

// @ts-ignore: decorator
@inline function highPairs(a: v128, b: v128): v128 {
  return i16x8.shuffle(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}

/** The first and second, or third and fourth, bytes of eight values: eight and eight. */
// @ts-ignore: decorator
@inline function lowerPlanes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29);
}

// @ts-ignore: decorator
@inline function upperPlanes(a: v128, b: v128): v128 {
  return i8x16.shuffle(a, b, 2, 6, 10, 14, 18, 22, 26, 30, 3, 7, 11, 15, 19, 23, 27, 31);
}

/**
 * to[i] = the value first + i, times its block's scale, for i < count.
 *
 * Sixteen values at a time: their codes look up each of the four bytes of an F32 in a vector of 16 (a plane),
 * and the bytes are put together again.
 */
export function unpack(
  packed: usize,
  values: usize,
  scales: usize,
  blockSize: u32,
  first: u32,
  count: u32,
  to: usize,
): void {
  const v0 = v128.load(values), v1 = v128.load(values, 16), v2 = v128.load(values, 32);
  const v3 = v128.load(values, 48), low0 = lowerPlanes(v0, v1), low1 = lowerPlanes(v2, v3);
  const high0 = upperPlanes(v0, v1), high1 = upperPlanes(v2, v3);
  const plane0 = i64x2.shuffle(low0, low1, 0, 2), plane1 = i64x2.shuffle(low0, low1, 1, 3);
  const plane2 = i64x2.shuffle(high0, high1, 0, 2), plane3 = i64x2.shuffle(high0, high1, 1, 3);
  const end = first + count;
  for (let at = first; at < end;) {
    const stop = at + min(end - at, blockSize - at % blockSize);
    const scale = load<f32>(scales + bytesOf(at / blockSize)), factor = splat(scale);
    if (at & 1) {
      store<f32>(to, valueAt(packed, values, at) * scale);
      at++, to += 4;
    }
    for (; at + 16 <= stop; at += 16, to += 64) {
      const pairs = v128.load64_zero(packed + (at >> 1));
      const codes = lowBytes(i8x16.shr_u(pairs, 4), v128.and(pairs, i8x16.splat(15)));
      const b0 = i8x16.swizzle(plane0, codes), b1 = i8x16.swizzle(plane1, codes);
      const b2 = i8x16.swizzle(plane2, codes), b3 = i8x16.swizzle(plane3, codes);
      const low01 = lowBytes(b0, b1), low23 = lowBytes(b2, b3);
      const high01 = highBytes(b0, b1), high23 = highBytes(b2, b3);
      v128.store(to, f32x4.mul(lowPairs(low01, low23), factor));
      v128.store(to, f32x4.mul(highPairs(low01, low23), factor), 16);
      v128.store(to, f32x4.mul(lowPairs(high01, high23), factor), 32);
      v128.store(to, f32x4.mul(highPairs(high01, high23), factor), 48);
    }
    for (; at < stop; at++, to += 4) store<f32>(to, valueAt(packed, values, at) * scale);
  }
}
