/** gelu_forward and gelu_backward, with ½ (1 + tanh a) = 1 / (1 + e^-2a), a block at a time. */

import { expRange } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf, loadIf, madd, splat, storeUntil, VECTOR } from "../simd/vector.as";

const BLOCK: usize = 2048; // bytes: the exponentials stay in the first-level cache

const SLOPE: f32 = 0.7978845608028654; // √(2/π)
const CUBIC: f32 = 0.044715;

/** Puts e^-2a, a = √(2/π) (x + 0.044715 x³), into scratch. */
function exponentials(x: usize, bytes: usize): void {
  const linear = splat(-2 * SLOPE), cubic = splat(-2 * SLOPE * CUBIC), to = scratch(0);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const value = v128.load(x + at);
    const factor = madd(f32x4.mul(value, value), cubic, linear);
    v128.store(to + at, f32x4.mul(value, factor));
  }
  expRange(to, to, <u32>bytes >> 2, 0);
}

export function gelu_forward(x: usize, y: usize, _size: u32, begin: u32, end: u32): void {
  const one = splat(1), e = scratch(0);
  for (let start = bytesOf(begin); start < bytesOf(end); start += BLOCK) {
    const bytes = min(BLOCK, bytesOf(end) - start), from = x + start, to = y + start;
    exponentials(from, bytes);
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      const result = f32x4.div(v128.load(from + at), f32x4.add(one, v128.load(e + at)));
      storeUntil(to + bytes, to + at, result);
    }
  }
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
  for (let start = bytesOf(begin); start < bytesOf(end); start += BLOCK) {
    const bytes = min(BLOCK, bytesOf(end) - start);
    exponentials(x + start, bytes);
    backwardBlock(x + start, dy + start, dx + start, bytes, accumulate);
  }
}

/** dx = dy · (s + 2 x s (1 - s) √(2/π) (1 + 3 · 0.044715 x²)) with s = 1 / (1 + e^-2a). */
function backwardBlock(x: usize, dy: usize, dx: usize, bytes: usize, accumulate: u32): void {
  const one = splat(1), linear = splat(2 * SLOPE), cubic = splat(6 * SLOPE * CUBIC);
  const e = scratch(0);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const value = v128.load(x + at), s = f32x4.div(one, f32x4.add(one, v128.load(e + at)));
    const slope = madd(f32x4.mul(value, value), cubic, linear);
    const change = f32x4.mul(f32x4.mul(s, f32x4.sub(one, s)), slope);
    const result = madd(v128.load(dy + at), madd(value, change, s), loadIf(accumulate, dx + at));
    storeUntil(dx + bytes, dx + at, result);
  }
}
