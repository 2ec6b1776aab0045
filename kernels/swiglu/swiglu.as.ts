/** swiglu_forward and swiglu_backward, with the sigmoid s = 1 / (1 + e^-gate), a block at a time. */

import { expRange } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf, loadIf, madd, splat, storeUntil, VECTOR } from "../simd/vector.as";

const BLOCK: usize = 2048; // bytes: the exponentials stay in the first-level cache

/** Puts e^-gate into scratch. */
function exponentials(gate: usize, bytes: usize): void {
  const to = scratch(0);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    v128.store(to + at, f32x4.neg(v128.load(gate + at)));
  }
  expRange(to, to, <u32>bytes >> 2, 0);
}

export function swiglu_forward(
  gate: usize,
  up: usize,
  out: usize,
  _size: u32,
  begin: u32,
  end: u32,
): void {
  const one = splat(1), e = scratch(0);
  for (let start = bytesOf(begin); start < bytesOf(end); start += BLOCK) {
    const bytes = min(BLOCK, bytesOf(end) - start), from = gate + start, to = out + start;
    exponentials(from, bytes);
    for (let at: usize = 0; at < bytes; at += VECTOR) {
      const silu = f32x4.div(v128.load(from + at), f32x4.add(one, v128.load(e + at)));
      storeUntil(to + bytes, to + at, f32x4.mul(silu, v128.load(up + start + at)));
    }
  }
}

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
  for (let start = bytesOf(begin); start < bytesOf(end); start += BLOCK) {
    const bytes = min(BLOCK, bytesOf(end) - start);
    exponentials(gate + start, bytes);
    gateBlock(gate + start, up + start, dOut + start, dGate + start, bytes, accumulateGate);
    upBlock(gate + start, dOut + start, dUp + start, bytes, accumulateUp);
  }
}

/** dGate = dOut · up · (s + gate · s (1 - s)). */
function gateBlock(
  gate: usize,
  up: usize,
  dOut: usize,
  dGate: usize,
  bytes: usize,
  accumulate: u32,
): void {
  const one = splat(1), e = scratch(0);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const s = f32x4.div(one, f32x4.add(one, v128.load(e + at)));
    const change = f32x4.mul(s, f32x4.sub(one, s));
    const slope = madd(v128.load(gate + at), change, s);
    const given = f32x4.mul(v128.load(dOut + at), v128.load(up + at));
    storeUntil(dGate + bytes, dGate + at, madd(given, slope, loadIf(accumulate, dGate + at)));
  }
}

/** dUp = dOut · gate · s. */
function upBlock(gate: usize, dOut: usize, dUp: usize, bytes: usize, accumulate: u32): void {
  const one = splat(1), e = scratch(0);
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const silu = f32x4.div(v128.load(gate + at), f32x4.add(one, v128.load(e + at)));
    const result = madd(v128.load(dOut + at), silu, loadIf(accumulate, dUp + at));
    storeUntil(dUp + bytes, dUp + at, result);
  }
}
