/** add, scale_add, copy_columns, fill. */

import { bytesOf, loadIf, madd, splat, storePart, storeUntil, VECTOR } from "../simd/vector.as";

export function add(a: usize, b: usize, out: usize, _size: u32, begin: u32, end: u32): void {
  let at = bytesOf(begin);
  const last = bytesOf(end);
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
  let from = x + bytesOf(xOffset + begin), to = y + bytesOf(yOffset + begin);
  const last = y + bytesOf(yOffset + end);
  for (; to + VECTOR <= last; to += VECTOR, from += VECTOR) {
    v128.store(to, madd(factor, v128.load(from), loadIf(accumulate, to)));
  }
  if (to < last) {
    storePart(to, madd(factor, v128.load(from), loadIf(accumulate, to)), <u32>(last - to) >> 2);
  }
}

/** Units are elements: a range may begin and end within a row. */
export function copy_columns(
  x: usize,
  y: usize,
  _rows: u32,
  width: u32,
  xOffset: u32,
  xStride: u32,
  yOffset: u32,
  yStride: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  for (let unit = begin; unit < end;) {
    const row = unit / width, column = unit % width, count = min(width - column, end - unit);
    const from = x + bytesOf(xOffset + row * xStride + column);
    const to = y + bytesOf(yOffset + row * yStride + column);
    if (accumulate) addTo(to, from, bytesOf(count));
    else memory.copy(to, from, bytesOf(count));
    unit += count;
  }
}

function addTo(to: usize, from: usize, bytes: usize): void {
  for (const last = to + bytes; to < last; to += VECTOR, from += VECTOR) {
    storeUntil(last, to, f32x4.add(v128.load(to), v128.load(from)));
  }
}

export function fill(y: usize, _size: u32, value: f32, begin: u32, end: u32): void {
  const x = splat(value), last = y + bytesOf(end);
  let at = y + bytesOf(begin);
  for (; at + VECTOR <= last; at += VECTOR) v128.store(at, x);
  if (at < last) storePart(at, x, <u32>(last - at) >> 2);
}
