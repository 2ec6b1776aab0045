/** repeat_heads and sum_heads. */

import { bytesOf, loadIf, storeUntil, VECTOR } from "../simd/vector.as";

/** Units are rows. */
export function repeat_heads(
  x: usize,
  y: usize,
  _rows: u32,
  heads: u32,
  group: u32,
  headWidth: u32,
  xOffset: u32,
  xStride: u32,
  yOffset: u32,
  yStride: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(headWidth);
  for (let row = begin; row < end; row++) {
    let from = x + bytesOf(xOffset + row * xStride), to = y + bytesOf(yOffset + row * yStride);
    for (let head: u32 = 0; head < heads; head++, from += bytes) {
      for (let c: u32 = 0; c < group; c++, to += bytes) memory.copy(to, from, bytes);
    }
  }
}

/** Units are rows. */
export function sum_heads(
  x: usize,
  y: usize,
  _rows: u32,
  heads: u32,
  group: u32,
  headWidth: u32,
  xOffset: u32,
  xStride: u32,
  yOffset: u32,
  yStride: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(headWidth), all = bytesOf(group * headWidth);
  for (let row = begin; row < end; row++) {
    let from = x + bytesOf(xOffset + row * xStride), to = y + bytesOf(yOffset + row * yStride);
    for (let head: u32 = 0; head < heads; head++, from += all, to += bytes) {
      sumHead(to, from, bytes, from + all, accumulate);
    }
  }
}

function sumHead(to: usize, first: usize, bytes: usize, last: usize, accumulate: u32): void {
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    let sum = loadIf(accumulate, to + at);
    for (let from = first; from < last; from += bytes) sum = f32x4.add(sum, v128.load(from + at));
    storeUntil(to + bytes, to + at, sum);
  }
}
