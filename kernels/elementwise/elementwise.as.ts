/** add, scale_add, fill. */

import { loadIf, madd, splat, storePart, VECTOR } from "../simd/vector.as";

export function add(a: usize, b: usize, out: usize, _size: u32, begin: u32, end: u32): void {
  let at: usize = <usize>begin << 2;
  const last: usize = <usize>end << 2;
  for (; at + VECTOR <= last; at += VECTOR) {
    v128.store(out + at, f32x4.add(v128.load(a + at), v128.load(b + at)));
  }
  if (at < last) {
    storePart(out + at, f32x4.add(v128.load(a + at), v128.load(b + at)), <u32>(last - at) >> 2);
  }
}

export function scale_add(
  x: usize,
  y: usize,
  _size: u32,
  xOffset: u32,
  yOffset: u32,
  alpha: f32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const factor = splat(alpha);
  let from: usize = x + (<usize>(xOffset + begin) << 2);
  let to: usize = y + (<usize>(yOffset + begin) << 2);
  const last: usize = y + (<usize>(yOffset + end) << 2);
  for (; to + VECTOR <= last; to += VECTOR, from += VECTOR) {
    v128.store(to, madd(factor, v128.load(from), loadIf(accumulate, to)));
  }
  if (to < last) {
    storePart(to, madd(factor, v128.load(from), loadIf(accumulate, to)), <u32>(last - to) >> 2);
  }
}

export function fill(y: usize, _size: u32, value: f32, begin: u32, end: u32): void {
  const x = splat(value);
  let at: usize = y + (<usize>begin << 2);
  const last: usize = y + (<usize>end << 2);
  for (; at + VECTOR <= last; at += VECTOR) v128.store(at, x);
  if (at < last) storePart(at, x, <u32>(last - at) >> 2);
}
