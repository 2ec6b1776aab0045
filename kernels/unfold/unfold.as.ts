/** unfold_forward and unfold_backward. A unit is a token. */

import { bytesOf } from "../simd/vector.as";

/** True if a mask shows a token, or if there is none. */
function isShown(hasMask: u32, mask: usize, token: usize): bool {
  return hasMask == 0 || load<u32>(mask + token * 4) != 0;
}

export function unfold_forward(
  x: usize,
  mask: usize,
  y: usize,
  _batch: u32,
  time: u32,
  width: u32,
  taps: u32,
  hasMask: u32,
  begin: u32,
  end: u32,
): void {
  const row = bytesOf(width), step = bytesOf(taps);
  for (let token: usize = begin; token < end; token++) {
    for (let o: u32 = 0; o < taps; o++) {
      // Below 0 they wrap, which is past the end too.
      const t = <u32>(token % time) + o - (taps - 1) / 2, other = token - token % time + t;
      const shows = t < time && isShown(hasMask, mask, other), from = x + other * row;
      let to = y + token * row * taps + bytesOf(o);
      for (let at: usize = 0; at < row; at += 4, to += step) {
        store<f32>(to, shows ? load<f32>(from + at) : 0);
      }
    }
  }
}

export function unfold_backward(
  dy: usize,
  mask: usize,
  dx: usize,
  _batch: u32,
  time: u32,
  width: u32,
  taps: u32,
  hasMask: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const row = bytesOf(width), step = bytesOf(taps);
  for (let token: usize = begin; token < end; token++) {
    const to = dx + token * row, first = token - token % time;
    if (!accumulate) memory.fill(to, 0, row);
    if (!isShown(hasMask, mask, token)) continue;
    for (let o: u32 = 0; o < taps; o++) {
      // Below 0 they wrap, which is past the end too.
      const t = <u32>(token % time) + (taps - 1) / 2 - o;
      if (t >= time) continue;
      let from = dy + (first + t) * row * taps + bytesOf(o);
      for (let at: usize = 0; at < row; at += 4, from += step) {
        store<f32>(to + at, load<f32>(to + at) + load<f32>(from));
      }
    }
  }
}
