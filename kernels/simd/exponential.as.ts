/** exp over a range, and log. */

import { bytesOf, firstLanes, madd, splat, sumLanes, VECTOR, zero } from "./vector.as";

// A literal constant is rebuilt, in several instructions, wherever a loop uses it. If loaded before the
// loop instead, constants that get no register become memory operands, which cost nothing: 4.3 -> 2.4
// ns per vector.
const table = memory.data<f32>([
  88.37626, // above this 2^n overflows
  -87.33654, // below it is not normal
  1.44269504, // 1 / ln 2
  12582912, // 1.5 · 2^23: adding it rounds to an integer, kept in the low bits
  -0.693359375, // -ln 2 in two parts, the first short enough for exact products
  2.12194440e-4,
  1.3814467e-3, // (e^r - 1 - r) / r² over |r| <= ln 2 / 2, minimax, to 3e-9
  8.3687808e-3,
  4.1668393e-2,
  0.1666652,
  0.49999994,
  1,
]);

/** The numbers that {@link exponential} needs, to be loaded before a loop. */
// @ts-ignore: decorator
@inline export function expConstant(index: usize): v128 {
  return v128.load32_splat(table + index * 4);
}

/**
 * e^x, to 2 ulp: 0 below -87.3 and at most e^88.37; NaN stays NaN. x = n ln 2 + r, and the result is 2^n e^r: if n
 * were added to the exponent of e^r instead, the payload of a NaN could make it a number.
 */
// @ts-ignore: decorator
@inline export function exponential(
  given: v128,
  highest: v128,
  lowest: v128,
  perLog2: v128,
  magic: v128,
  log2High: v128,
  log2Low: v128,
  c6: v128,
  c5: v128,
  c4: v128,
  c3: v128,
  c2: v128,
  one: v128,
): v128 {
  const x = f32x4.pmin(given, highest); // pmin returns its first operand if that is NaN
  const shifted = madd(x, perLog2, magic), n = f32x4.sub(shifted, magic);
  const r = madd(n, log2Low, madd(n, log2High, x));
  let p = madd(madd(madd(madd(r, c6, c5), r, c4), r, c3), r, c2);
  p = madd(madd(p, r, one), r, one);
  p = f32x4.mul(p, i32x4.add(i32x4.shl(shifted, 23), one));
  return v128.andnot(p, f32x4.lt(given, lowest));
}

/**
 * to[i] = e^(from[i] - shift) for i < count; returns their sum. `to` may be `from` and must have room for whole
 * vectors: it is filled with 0.
 */
export function expRange(to: usize, from: usize, count: u32, shift: f32): f32 {
  if (count == 0) return 0;
  const highest = expConstant(0), lowest = expConstant(1), perLog2 = expConstant(2);
  const magic = expConstant(3), log2High = expConstant(4), log2Low = expConstant(5);
  const c6 = expConstant(6), c5 = expConstant(7), c4 = expConstant(8), c3 = expConstant(9);
  const c2 = expConstant(10), one = expConstant(11), shifts = splat(shift);
  const last = from + bytesOf(count);
  let sum = zero(), newest = zero();
  for (; from < last; from += VECTOR, to += VECTOR) {
    const x = f32x4.sub(v128.load(from), shifts);
    sum = f32x4.add(sum, newest);
    // deno-fmt-ignore
    newest = exponential(
      x, highest, lowest, perLog2, magic, log2High, log2Low, c6, c5, c4, c3, c2, one,
    );
    v128.store(to, newest);
  }
  if (count & 3) {
    newest = v128.and(newest, firstLanes(count & 3));
    v128.store(to - VECTOR, newest);
  }
  return sumLanes(f32x4.add(sum, newest));
}

const powers = memory.data<f32>([
  12582912, // 1.5 · 2^23
  1.5353362e-4, // (2^f - 1) / f over |f| <= ½, minimax, to 2e-9
  1.3398875e-3,
  9.61843692e-3,
  5.55033237e-2,
  0.240226477,
  0.693147182,
  126,
  1,
]);

/** The numbers that {@link powerOfTwo} needs, to be loaded before a loop. */
// @ts-ignore: decorator
@inline export function powerConstant(index: usize): v128 {
  return v128.load32_splat(powers + index * 4);
}

/**
 * 2^x, to 2 ulp, and between 2^-126 and 2^126 whatever x is. A canonical NaN stays NaN; one with other low
 * bits may become a number, so x must also be a factor of what it is for. A caller that folds 1 / ln 2 into
 * what it multiplies anyway has an exponential without the reduction by ln 2, at the price of |x| ulp. Half
 * the latency of a chain of all coefficients: three pairs side by side.
 */
// @ts-ignore: decorator
@inline export function powerOfTwo(
  x: v128,
  most: v128,
  magic: v128,
  c6: v128,
  c5: v128,
  c4: v128,
  c3: v128,
  c2: v128,
  c1: v128,
  one: v128,
): v128 {
  const y = f32x4.pmax(f32x4.pmin(x, most), f32x4.neg(most));
  const shifted = f32x4.add(y, magic), f = f32x4.sub(y, f32x4.sub(shifted, magic));
  const square = f32x4.mul(f, f), low = madd(madd(f, c2, c1), f, one);
  const high = madd(madd(f, c6, c5), square, madd(f, c4, c3));
  return i32x4.add(madd(high, f32x4.mul(square, f), low), i32x4.shl(shifted, 23));
}

/** ln x of a normal number, to 1e-12: the series of 2 artanh((m - 1) / (m + 1)) for x = m · 2^e. */
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
