/** rotary. */

import { bytesOf, loadIf, madd, splat, storeUntil, VECTOR } from "../simd/vector.as";

export function rotary(
  x: usize,
  table: usize,
  positions: usize,
  y: usize,
  _rows: u32,
  heads: u32,
  half: u32,
  xOffset: u32,
  xStride: u32,
  yOffset: u32,
  yStride: u32,
  direction: f32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(half);
  for (let row: usize = begin; row < end; row++) {
    const angles = table + <usize>load<u32>(positions + row * 4) * 2 * bytes;
    let from = x + row * bytesOf(xStride) + bytesOf(xOffset);
    let to = y + row * bytesOf(yStride) + bytesOf(yOffset);
    for (let head: u32 = 0; head < heads; head++, from += 2 * bytes, to += 2 * bytes) {
      rotateHead(from, angles, to, bytes, splat(direction), accumulate);
    }
  }
}

/** Both halves of one head, `bytes` each. */
function rotateHead(
  x: usize,
  angles: usize,
  y: usize,
  bytes: usize,
  direction: v128,
  accumulate: u32,
): void {
  const second = y + bytes;
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const x1 = v128.load(x + at), x2 = v128.load(x + bytes + at), cos = v128.load(angles + at);
    const sin = f32x4.mul(direction, v128.load(angles + bytes + at));
    const y1 = madd(x1, cos, loadIf(accumulate, y + at));
    const y2 = madd(x2, cos, loadIf(accumulate, second + at));
    storeUntil(second, y + at, f32x4.sub(y1, f32x4.mul(x2, sin)));
    storeUntil(second + bytes, second + at, madd(x1, sin, y2));
  }
}
