/** gelu_forward and gelu_backward, with ½ (1 + tanh a) = 1 / (1 + e^-2a). */

import { exp4 } from "../simd/exponential.as";
import { LANES, loadIf, madd, splat, storePart } from "../simd/vector.as";

const SLOPE: f32 = 0.7978845608028654; // √(2/π)
const CUBIC: f32 = 0.044715;

/** ½ (1 + tanh(√(2/π) (x + 0.044715 x³))). */
// @ts-ignore: decorator
@inline function gate(x: v128, square: v128): v128 {
  const inner = f32x4.mul(x, madd(square, splat(-2 * SLOPE * CUBIC), splat(-2 * SLOPE)));
  return f32x4.div(splat(1), f32x4.add(splat(1), exp4(inner)));
}

export function gelu_forward(x: usize, y: usize, _size: u32, begin: u32, end: u32): void {
  for (let i = begin; i < end; i += LANES) {
    const at: usize = <usize>i << 2, value = v128.load(x + at);
    const result = f32x4.mul(value, gate(value, f32x4.mul(value, value)));
    if (end - i >= LANES) v128.store(y + at, result);
    else storePart(y + at, result, end - i);
  }
}

/** s + 2 x s (1 - s) √(2/π) (1 + 3 · 0.044715 x²). */
// @ts-ignore: decorator
@inline function derivative(x: v128): v128 {
  const square = f32x4.mul(x, x), s = gate(x, square);
  const slope = madd(square, splat(6 * SLOPE * CUBIC), splat(2 * SLOPE));
  const change = f32x4.mul(f32x4.mul(s, f32x4.sub(splat(1), s)), slope);
  return madd(x, change, s);
}

export function gelu_backward(
  x: usize,
  dy: usize,
  dx: usize,
  _size: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  for (let i = begin; i < end; i += LANES) {
    const at: usize = <usize>i << 2;
    const held = loadIf(accumulate, dx + at);
    const result = madd(v128.load(dy + at), derivative(v128.load(x + at)), held);
    if (end - i >= LANES) v128.store(dx + at, result);
    else storePart(dx + at, result, end - i);
  }
}
