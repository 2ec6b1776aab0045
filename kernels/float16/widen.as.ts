/** widen_f16 and widen_bf16, and loads of floats however they are stored. */

import { bytesOf, splat, storeUntil, VECTOR } from "../simd/vector.as";

/**
 * Four values of storage type T from `at` on: f32 as they are, u16 for F16 and i16 for BF16, which have no
 * types of their own.
 *
 * F16: exponent and fraction, moved to their places in F32, are the value times 2^-112, subnormal or not: one
 * exact product recovers the value. Infinities and NaN get all bits of the exponent.
 */
// @ts-ignore: decorator
@inline export function loadFour<T>(at: usize): v128 {
  if (sizeof<T>() == 4) return v128.load(at);
  const halves = v128.load16x4_u(at);
  if (isSigned<T>()) return i32x4.shl(halves, 16);
  const rest = v128.and(halves, i32x4.splat(0x7fff));
  const sign = i32x4.shl(v128.xor(halves, rest), 16);
  const infinite = v128.and(i32x4.gt_s(rest, i32x4.splat(0x7bff)), i32x4.splat(0x7f800000));
  const value = f32x4.mul(i32x4.shl(rest, 13), splat(5.192296858534828e33)); // 2^112
  return v128.or(v128.or(value, infinite), sign);
}

/** One value of storage type T. */
// @ts-ignore: decorator
@inline export function loadOne<T>(at: usize): f32 {
  if (sizeof<T>() == 4) return load<f32>(at);
  if (isSigned<T>()) return reinterpret<f32>(<u32>load<u16>(at) << 16);
  const half = <u32>load<u16>(at), rest = half & 0x7fff;
  const value = reinterpret<u32>(reinterpret<f32>(rest << 13) * <f32>5.192296858534828e33);
  return reinterpret<f32>(value | (rest > 0x7bff ? 0x7f800000 : 0) | ((half ^ rest) << 16));
}

function widen<T>(x: usize, y: usize, begin: u32, end: u32): void {
  const last = bytesOf(end);
  x += bytesOf(begin) >> 1;
  for (let at = bytesOf(begin); at < last; at += VECTOR, x += VECTOR / 2) {
    storeUntil(y + last, y + at, loadFour<T>(x));
  }
}

export function widen_f16(x: usize, y: usize, _size: u32, begin: u32, end: u32): void {
  widen<u16>(x, y, begin, end);
}

export function widen_bf16(x: usize, y: usize, _size: u32, begin: u32, end: u32): void {
  widen<i16>(x, y, begin, end);
}
