/** gelu_forward and gelu_backward. */

import { powerConstant, powerOfTwo } from "../simd/exponential.as";
import { bytesOf, loadIf, madd, storeUntil, VECTOR } from "../simd/vector.as";
import { density, normalBelow } from "./normal.as";

const SLOPE: f32 = 0.7978845608028654; // √(2/π)
const CUBIC: f32 = 0.044715;
const PER_LN2: f32 = 1.4426950408889634; // 1 / ln 2

// In memory, as the constants of the exponential are.
const table = memory.data<f32>([
  -0.5 * PER_LN2,
  -2 * SLOPE * PER_LN2,
  -2 * SLOPE * CUBIC * PER_LN2,
  2 * SLOPE,
  6 * SLOPE * CUBIC,
]);

// @ts-ignore: decorator
@inline function constant(index: usize): v128 {
  return v128.load32_splat(table + index * 4);
}

export function gelu_forward(x: usize, y: usize, _size: u32, exact: u32, begin: u32, end: u32): void {
  const at = bytesOf(begin), bytes = bytesOf(end - begin);
  if (exact) eachVector(x + at, 0, y + at, bytes, true, false, 0);
  else eachVector(x + at, 0, y + at, bytes, false, false, 0);
}

export function gelu_backward(
  x: usize,
  dy: usize,
  dx: usize,
  _size: u32,
  exact: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const at = bytesOf(begin), bytes = bytesOf(end - begin);
  if (exact) eachVector(x + at, dy + at, dx + at, bytes, true, true, accumulate);
  else eachVector(x + at, dy + at, dx + at, bytes, false, true, accumulate);
}

/**
 * One loop for all four: `exact` and `backward` are constants where it is inlined. The exponential is e^(-x²/2)
 * if exact, else e^-2a with a = √(2/π) (x + 0.044715 x³), as ½ (1 + tanh a) = 1 / (1 + e^-2a).
 */
// @ts-ignore: decorator
@inline function eachVector(
  x: usize,
  dy: usize,
  to: usize,
  bytes: usize,
  exact: bool,
  backward: bool,
  accumulate: u32,
): void {
  const magic = powerConstant(0), c6 = powerConstant(1), c5 = powerConstant(2), c4 = powerConstant(3);
  const c3 = powerConstant(4), c2 = powerConstant(5), c1 = powerConstant(6), most = powerConstant(7);
  const one = powerConstant(8), half = constant(0), linear = constant(1), cubic = constant(2);
  const slope1 = constant(3), slope3 = constant(4);
  for (const last = x + bytes; x < last; x += VECTOR, to += VECTOR) {
    const value = v128.load(x);
    const factor = exact
      ? f32x4.mul(value, half)
      : madd(f32x4.mul(value, value), cubic, linear);
    const power = f32x4.mul(value, factor);
    const e = powerOfTwo(power, most, magic, c6, c5, c4, c3, c2, c1, one);
    let result: v128;
    if (!backward) {
      result = exact
        ? f32x4.mul(value, normalBelow(value, e))
        : f32x4.div(value, f32x4.add(one, e));
    } else {
      const slope = exact ? exactSlope(value, e) : tanhSlope(value, e, one, slope1, slope3);
      result = madd(v128.load(dy), slope, loadIf(accumulate, to));
      dy += VECTOR;
    }
    storeUntil(to + (last - x), to, result);
  }
}

/** Φ + x φ. */
// @ts-ignore: decorator
@inline function exactSlope(x: v128, e: v128): v128 {
  return madd(x, density(e), normalBelow(x, e));
}

/** s + 2 x s (1 - s) √(2/π) (1 + 3 · 0.044715 x²) with s = 1 / (1 + e^-2a). */
// @ts-ignore: decorator
@inline function tanhSlope(x: v128, e: v128, one: v128, slope1: v128, slope3: v128): v128 {
  const s = f32x4.div(one, f32x4.add(one, e)), slope = madd(f32x4.mul(x, x), slope3, slope1);
  return madd(x, f32x4.mul(f32x4.mul(s, f32x4.sub(one, s)), slope), s);
}
