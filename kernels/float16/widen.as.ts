/** widen. */

import { bytesOf, splat, storeUntil, VECTOR } from "../simd/vector.as";

/**
 * Exponent and fraction, moved to their places in F32, are the value times 2^-112, subnormal or not:
 * one exact product recovers the value. Infinities and NaN get all bits of the exponent.
 */
export function widen(x: usize, y: usize, _size: u32, begin: u32, end: u32): void {
  const scale = splat(5.192296858534828e33), last = bytesOf(end); // 2^112
  x += bytesOf(begin) >> 1;
  for (let at = bytesOf(begin); at < last; at += VECTOR, x += VECTOR / 2) {
    const halves = v128.load16x4_u(x), rest = v128.and(halves, i32x4.splat(0x7fff));
    const sign = i32x4.shl(v128.xor(halves, rest), 16);
    const infinite = v128.and(i32x4.gt_s(rest, i32x4.splat(0x7bff)), i32x4.splat(0x7f800000));
    const value = f32x4.mul(i32x4.shl(rest, 13), scale);
    storeUntil(y + last, y + at, v128.or(v128.or(value, infinite), sign));
  }
}
