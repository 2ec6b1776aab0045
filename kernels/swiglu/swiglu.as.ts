/** swiglu_forward and swiglu_backward, with the sigmoid s = 1 / (1 + e^-gate). */

import { expConstant, exponential } from "../simd/exponential.as";
import { bytesOf, loadIf, madd, storeUntil, VECTOR } from "../simd/vector.as";

export function swiglu_forward(
  gate: usize,
  up: usize,
  out: usize,
  _size: u32,
  begin: u32,
  end: u32,
): void {
  const highest = expConstant(0), lowest = expConstant(1), perLog2 = expConstant(2);
  const magic = expConstant(3), log2High = expConstant(4), log2Low = expConstant(5);
  const c6 = expConstant(6), c5 = expConstant(7), c4 = expConstant(8), c3 = expConstant(9);
  const c2 = expConstant(10), one = expConstant(11);
  const last = out + bytesOf(end);
  for (let at = bytesOf(begin); at < bytesOf(end); at += VECTOR) {
    const g = v128.load(gate + at);
    // deno-fmt-ignore
    const e = exponential(
      f32x4.neg(g), highest, lowest, perLog2, magic, log2High, log2Low, c6, c5, c4, c3, c2, one,
    );
    const silu = f32x4.div(g, f32x4.add(one, e));
    storeUntil(last, out + at, f32x4.mul(silu, v128.load(up + at)));
  }
}

/** dGate = dOut · up · (s + gate · s (1 - s)) and dUp = dOut · gate · s. */
export function swiglu_backward(
  gate: usize,
  up: usize,
  dOut: usize,
  dGate: usize,
  dUp: usize,
  _size: u32,
  accumulateGate: u32,
  accumulateUp: u32,
  begin: u32,
  end: u32,
): void {
  const highest = expConstant(0), lowest = expConstant(1), perLog2 = expConstant(2);
  const magic = expConstant(3), log2High = expConstant(4), log2Low = expConstant(5);
  const c6 = expConstant(6), c5 = expConstant(7), c4 = expConstant(8), c3 = expConstant(9);
  const c2 = expConstant(10), one = expConstant(11);
  const lastGate = dGate + bytesOf(end), lastUp = dUp + bytesOf(end);
  for (let at = bytesOf(begin); at < bytesOf(end); at += VECTOR) {
    const g = v128.load(gate + at), d = v128.load(dOut + at), toGate = dGate + at, toUp = dUp + at;
    // deno-fmt-ignore
    const e = exponential(
      f32x4.neg(g), highest, lowest, perLog2, magic, log2High, log2Low, c6, c5, c4, c3, c2, one,
    );
    const s = f32x4.div(one, f32x4.add(one, e)), slope = madd(f32x4.mul(g, s), f32x4.sub(one, s), s);
    const given = f32x4.mul(d, v128.load(up + at));
    storeUntil(lastGate, toGate, madd(given, slope, loadIf(accumulateGate, toGate)));
    storeUntil(lastUp, toUp, madd(d, f32x4.mul(g, s), loadIf(accumulateUp, toUp)));
  }
}
