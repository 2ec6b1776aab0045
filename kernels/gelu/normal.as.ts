/** The standard normal distribution, from e = e^(-x²/2). */

import { madd, splat } from "../simd/vector.as";

// Φ(-v) / e is t p(2t - 1) with t = 4 / (4 + v); p has degree 9 and is fitted to 1e-8, relatively, up to
// v = 13, where e ends. Kept in memory as the constants of the exponential are.
const table = memory.data<f32>([
  3.17094818e-5,
  4.7643276e-5,
  -3.93576338e-4,
  -8.79368337e-4,
  1.88209815e-3,
  1.51011031e-2,
  4.66307364e-2,
  9.67842191e-2,
  1.51974156e-1,
  1.88821286e-1,
]);

// @ts-ignore: decorator
@inline function coefficient(index: usize): v128 {
  return v128.load32_splat(table + index * 4);
}

/** Φ(x). */
// @ts-ignore: decorator
@inline export function normalBelow(x: v128, e: v128): v128 {
  const one = splat(1), four = splat(4), v = f32x4.abs(x);
  const t = f32x4.div(four, f32x4.add(four, v)), c = f32x4.sub(f32x4.add(t, t), one);
  // Even and odd powers side by side: half the latency of one chain.
  const square = f32x4.mul(c, c);
  let odd = madd(coefficient(0), square, coefficient(2));
  let even = madd(coefficient(1), square, coefficient(3));
  for (let i: usize = 4; i < 10; i += 2) {
    odd = madd(odd, square, coefficient(i));
    even = madd(even, square, coefficient(i + 1));
  }
  const p = madd(odd, c, even);
  const tail = f32x4.mul(f32x4.mul(t, p), e);
  return v128.bitselect(tail, f32x4.sub(one, tail), f32x4.lt(x, splat(0)));
}

/** φ(x). */
// @ts-ignore: decorator
@inline export function density(e: v128): v128 {
  return f32x4.mul(e, splat(0.3989422804014327)); // 1 / √(2π)
}
