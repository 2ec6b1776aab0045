/** exp and log. */

import { madd, splat } from "./vector.as";

const MAGIC: f32 = 12582912; // 1.5 · 2^23: adding it rounds to a whole number, kept in the low bits

/**
 * e^x to 2 ulp, infinite above 88.73, gradually to 0 below -87.3; NaN stays NaN.
 *
 * x = n ln 2 + r with |r| <= ln 2 / 2 and Cephes' polynomial for e^r. 2^n is applied in two halves, so
 * that neither leaves the range of exponents.
 */
// @ts-ignore: decorator
@inline export function exp4(given: v128): v128 {
  // pmin and pmax give their first operand when it is NaN.
  const x = f32x4.pmax(f32x4.pmin(given, splat(89)), splat(-104));
  const shifted = madd(x, splat(1.44269504), splat(MAGIC));
  const n = f32x4.sub(shifted, splat(MAGIC));
  const r = madd(n, splat(2.12194440e-4), madd(n, splat(-0.693359375), x));
  let p = madd(r, splat(1.9875691500e-4), splat(1.3981999507e-3));
  p = madd(p, r, splat(8.3334519073e-3));
  p = madd(p, r, splat(4.1665795894e-2));
  p = madd(p, r, splat(1.6666665459e-1));
  p = madd(p, r, splat(5.0000001201e-1));
  p = f32x4.add(madd(f32x4.mul(r, r), p, r), splat(1));
  const whole = i32x4.sub(shifted, splat(MAGIC));
  const half = i32x4.shr_s(whole, 1);
  return f32x4.mul(f32x4.mul(p, powerOfTwo(half)), powerOfTwo(i32x4.sub(whole, half)));
}

// @ts-ignore: decorator
@inline function powerOfTwo(n: v128): v128 {
  return i32x4.shl(i32x4.add(n, i32x4.splat(127)), 23);
}

/** ln x of a positive normal number, to 1e-12: m · 2^e, then the series of 2 artanh((m - 1) / (m + 1)). */
export function log(x: f64): f64 {
  if (!(x > 0 && x < Infinity)) return x == Infinity ? x : NaN;
  const bits = reinterpret<u64>(x);
  let exponent = <f64>(<i64>(bits >> 52) - 1023);
  let m = reinterpret<f64>((bits & 0x000fffffffffffff) | 0x3ff0000000000000);
  if (m > 1.4142135623730951) {
    m *= 0.5;
    exponent += 1;
  }
  const t = (m - 1) / (m + 1), z = t * t;
  let sum: f64 = 1.0 / 15;
  for (let odd = 13; odd > 0; odd -= 2) sum = sum * z + 1 / <f64>odd;
  return exponent * 0.6931471805599453 + 2 * t * sum;
}
