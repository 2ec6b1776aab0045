/** silu_forward and silu_backward, with the sigmoid s = 1 / (1 + e^-x). */

import { expConstant, exponential } from "../simd/exponential.as";
import { bytesOf, loadIf, madd, storeUntil, VECTOR } from "../simd/vector.as";

export function silu_forward(x: usize, y: usize, _size: u32, begin: u32, end: u32): void {
  const highest = expConstant(0), lowest = expConstant(1), perLog2 = expConstant(2);
  const magic = expConstant(3), log2High = expConstant(4), log2Low = expConstant(5);
  const c6 = expConstant(6), c5 = expConstant(7), c4 = expConstant(8), c3 = expConstant(9);
  const c2 = expConstant(10), one = expConstant(11);
  const last = y + bytesOf(end);
  for (let at = bytesOf(begin); at < bytesOf(end); at += VECTOR) {
    const v = v128.load(x + at);
    // deno-fmt-ignore
    const e = exponential(
      f32x4.neg(v), highest, lowest, perLog2, magic, log2High, log2Low, c6, c5, c4, c3, c2, one,
    );
    storeUntil(last, y + at, f32x4.div(v, f32x4.add(one, e)));
  }
}

/** dx = dy · (s + x · s (1 - s)). */
export function silu_backward(
  x: usize,
  dy: usize,
  dx: usize,
  _size: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const highest = expConstant(0), lowest = expConstant(1), perLog2 = expConstant(2);
  const magic = expConstant(3), log2High = expConstant(4), log2Low = expConstant(5);
  const c6 = expConstant(6), c5 = expConstant(7), c4 = expConstant(8), c3 = expConstant(9);
  const c2 = expConstant(10), one = expConstant(11);
  const last = dx + bytesOf(end);
  for (let at = bytesOf(begin); at < bytesOf(end); at += VECTOR) {
    const v = v128.load(x + at), to = dx + at;
    // deno-fmt-ignore
    const e = exponential(
      f32x4.neg(v), highest, lowest, perLog2, magic, log2High, log2Low, c6, c5, c4, c3, c2, one,
    );
    const s = f32x4.div(one, f32x4.add(one, e)), slope = madd(f32x4.mul(v, s), f32x4.sub(one, s), s);
    storeUntil(last, to, madd(v128.load(dy + at), slope, loadIf(accumulate, to)));
  }
}
