/** tanh_forward and tanh_backward. */

import { expRange } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf, loadIf, madd, splat, storeUntil, VECTOR } from "../simd/vector.as";

const BLOCK: usize = 2048; // bytes: the exponentials stay in the first-level cache

/** tanh|x| = (1 - e) / (1 + e) with e = e^(-2|x|), a block at a time. */
export function tanh_forward(x: usize, y: usize, _size: u32, begin: u32, end: u32): void {
  const minusTwo = splat(-2), e = scratch(0);
  for (let start = bytesOf(begin); start < bytesOf(end); start += BLOCK) {
    const bytes = min(BLOCK, bytesOf(end) - start), from = x + start;
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      v128.store(e + at, f32x4.mul(minusTwo, f32x4.abs(v128.load(from + at))));
    }
    expRange(e, e, <u32>bytes >> 2, 0);
    signedQuotients(from, y + start, bytes);
  }
}

function signedQuotients(x: usize, y: usize, bytes: usize): void {
  const one = splat(1), sign = i32x4.splat(1 << 31);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const e = v128.load(scratch(0) + at);
    const size = f32x4.div(f32x4.sub(one, e), f32x4.add(one, e));
    storeUntil(y + bytes, y + at, v128.bitselect(v128.load(x + at), size, sign));
  }
}

export function tanh_backward(
  y: usize,
  dy: usize,
  dx: usize,
  _size: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const one = splat(1), last = dx + bytesOf(end);
  for (let at = bytesOf(begin); at < bytesOf(end); at += VECTOR) {
    const value = v128.load(y + at), slope = f32x4.sub(one, f32x4.mul(value, value));
    storeUntil(last, dx + at, madd(v128.load(dy + at), slope, loadIf(accumulate, dx + at)));
  }
}
