/** gelu_forward and gelu_backward, a block at a time. */

import { expRange } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf, loadIf, madd, splat, storeUntil, VECTOR } from "../simd/vector.as";
import { density, normalBelow } from "./normal.as";

const BLOCK: usize = 2048; // bytes: the exponentials stay in the first-level cache

const SLOPE: f32 = 0.7978845608028654; // √(2/π)
const CUBIC: f32 = 0.044715;

/**
 * Puts into scratch e^(-x²/2) if `exact`, else e^-2a with a = √(2/π) (x + 0.044715 x³), as ½ (1 + tanh a) =
 * 1 / (1 + e^-2a).
 */
function exponentials(x: usize, bytes: usize, exact: u32): void {
  const linear = splat(exact ? 0 : -2 * SLOPE), to = scratch(0);
  const square = splat(-2 * SLOPE * CUBIC), half = splat(-0.5);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const value = v128.load(x + at);
    const factor = exact
      ? f32x4.mul(value, half)
      : madd(f32x4.mul(value, value), square, linear);
    v128.store(to + at, f32x4.mul(value, factor));
  }
  expRange(to, to, <u32>bytes >> 2, 0);
}

export function gelu_forward(x: usize, y: usize, _size: u32, exact: u32, begin: u32, end: u32): void {
  for (let start = bytesOf(begin); start < bytesOf(end); start += BLOCK) {
    const bytes = min(BLOCK, bytesOf(end) - start);
    exponentials(x + start, bytes, exact);
    if (exact) exactBlock(x + start, y + start, bytes);
    else tanhBlock(x + start, y + start, bytes);
  }
}

function exactBlock(x: usize, y: usize, bytes: usize): void {
  const e = scratch(0);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const value = v128.load(x + at);
    storeUntil(y + bytes, y + at, f32x4.mul(value, normalBelow(value, v128.load(e + at))));
  }
}

function tanhBlock(x: usize, y: usize, bytes: usize): void {
  const one = splat(1), e = scratch(0);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const result = f32x4.div(v128.load(x + at), f32x4.add(one, v128.load(e + at)));
    storeUntil(y + bytes, y + at, result);
  }
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
  for (let start = bytesOf(begin); start < bytesOf(end); start += BLOCK) {
    const bytes = min(BLOCK, bytesOf(end) - start);
    exponentials(x + start, bytes, exact);
    if (exact) exactBackward(x + start, dy + start, dx + start, bytes, accumulate);
    else tanhBackward(x + start, dy + start, dx + start, bytes, accumulate);
  }
}

/** dx = dy · (Φ + x φ). */
function exactBackward(x: usize, dy: usize, dx: usize, bytes: usize, accumulate: u32): void {
  const e = scratch(0);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const value = v128.load(x + at), exponential = v128.load(e + at);
    const slope = madd(value, density(exponential), normalBelow(value, exponential));
    const result = madd(v128.load(dy + at), slope, loadIf(accumulate, dx + at));
    storeUntil(dx + bytes, dx + at, result);
  }
}

/** dx = dy · (s + 2 x s (1 - s) √(2/π) (1 + 3 · 0.044715 x²)) with s = 1 / (1 + e^-2a). */
function tanhBackward(x: usize, dy: usize, dx: usize, bytes: usize, accumulate: u32): void {
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
