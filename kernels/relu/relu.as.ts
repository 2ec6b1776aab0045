/** relu_forward and relu_backward. */

import { bytesOf, loadIf, splat, storeUntil, VECTOR } from "../simd/vector.as";

export function relu_forward(x: usize, y: usize, _size: u32, begin: u32, end: u32): void {
  const zero = splat(0), last = y + bytesOf(end);
  for (let at = bytesOf(begin); at < bytesOf(end); at += VECTOR) {
    const value = v128.load(x + at);
    storeUntil(last, y + at, v128.andnot(value, f32x4.le(value, zero)));
  }
}

export function relu_backward(
  y: usize,
  dy: usize,
  dx: usize,
  _size: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const zero = splat(0), last = dx + bytesOf(end);
  for (let at = bytesOf(begin); at < bytesOf(end); at += VECTOR) {
    const passed = v128.andnot(v128.load(dy + at), f32x4.le(v128.load(y + at), zero));
    storeUntil(last, dx + at, f32x4.add(passed, loadIf(accumulate, dx + at)));
  }
}
