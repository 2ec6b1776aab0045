/** silu_forward and silu_backward, with the sigmoid s = 1 / (1 + e^-x), a block at a time. */

import { expRange } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf, loadIf, madd, splat, storeUntil, VECTOR } from "../simd/vector.as";

const BLOCK: usize = 2048; // bytes: the exponentials stay in the first-level cache

/** Puts e^-x into scratch. */
function exponentials(x: usize, bytes: usize): void {
  const to = scratch(0);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    v128.store(to + at, f32x4.neg(v128.load(x + at)));
  }
  expRange(to, to, <u32>bytes >> 2, 0);
}

export function silu_forward(x: usize, y: usize, _size: u32, begin: u32, end: u32): void {
  const one = splat(1), e = scratch(0);
  for (let start = bytesOf(begin); start < bytesOf(end); start += BLOCK) {
    const bytes = min(BLOCK, bytesOf(end) - start), from = x + start, to = y + start;
    exponentials(from, bytes);
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      const value = f32x4.div(v128.load(from + at), f32x4.add(one, v128.load(e + at)));
      storeUntil(to + bytes, to + at, value);
    }
  }
}

export function silu_backward(
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

/** dx = dy · (s + x · s (1 - s)). */
function backwardBlock(x: usize, dy: usize, dx: usize, bytes: usize, accumulate: u32): void {
  const one = splat(1), e = scratch(0);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const s = f32x4.div(one, f32x4.add(one, v128.load(e + at)));
    const slope = madd(v128.load(x + at), f32x4.mul(s, f32x4.sub(one, s)), s);
    storeUntil(dx + bytes, dx + at, madd(v128.load(dy + at), slope, loadIf(accumulate, dx + at)));
  }
}
