/** kl_divergence_forward and kl_divergence_backward. */

import { logSumExpOf } from "../cross_entropy/cross_entropy.as";
import { expRange } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import {
  bytesOf,
  loadIf,
  loadUntil,
  madd,
  splat,
  storeUntil,
  sumLanes,
  VECTOR,
  zero,
} from "../simd/vector.as";

const BLOCK: u32 = 512; // elements: the exponentials stay in the first-level cache

export function kl_divergence_forward(
  logits: usize,
  teacher: usize,
  losses: usize,
  logSumExp: usize,
  teacherLogSumExp: usize,
  _rows: u32,
  vocabulary: u32,
  scale: f32,
  begin: u32,
  end: u32,
): void {
  for (let row: usize = begin; row < end; row++) {
    const offset = row * bytesOf(vocabulary);
    const lse = logSumExpOf(logits + offset, vocabulary);
    const teacherLse = logSumExpOf(teacher + offset, vocabulary);
    const gap = meanGap(teacher + offset, logits + offset, vocabulary, <f32>teacherLse);
    store<f32>(logSumExp + row * 4, <f32>lse);
    store<f32>(teacherLogSumExp + row * 4, <f32>teacherLse);
    store<f32>(losses + row * 4, <f32>(scale * (gap + (lse - teacherLse))));
  }
}

/** Σ p · (teacher - logits) over a row. */
function meanGap(teacher: usize, logits: usize, count: u32, lse: f32): f64 {
  let total: f64 = 0;
  for (let start: u32 = 0; start < count; start += BLOCK) {
    const size = min(BLOCK, count - start), from = teacher + bytesOf(start);
    expRange(scratch(0), from, size, lse);
    total += blockGap(from, logits + bytesOf(start), from + bytesOf(size));
  }
  return total;
}

/** The scratch is zero past the end of the block, but the other arrays may hold NaN there. */
function blockGap(teacher: usize, logits: usize, last: usize): f32 {
  const step = logits - teacher;
  let sum = zero(), p = scratch(0);
  for (; teacher < last; teacher += VECTOR, p += VECTOR) {
    const gap = f32x4.sub(loadUntil(last, teacher), loadUntil(last + step, teacher + step));
    sum = madd(v128.load(p), gap, sum);
  }
  return sumLanes(sum);
}

export function kl_divergence_backward(
  logits: usize,
  teacher: usize,
  logSumExp: usize,
  teacherLogSumExp: usize,
  dLoss: usize,
  dLogits: usize,
  _rows: u32,
  vocabulary: u32,
  scale: f32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const stride = bytesOf(vocabulary), factor = splat(load<f32>(dLoss) * scale);
  const q = scratch(0), p = scratch(bytesOf(BLOCK));
  for (let row: usize = begin; row < end; row++) {
    const offset = row * stride;
    const lse = load<f32>(logSumExp + row * 4), teacherLse = load<f32>(teacherLogSumExp + row * 4);
    for (let start: u32 = 0; start < vocabulary; start += BLOCK) {
      const size = min(BLOCK, vocabulary - start), at = offset + bytesOf(start);
      expRange(q, logits + at, size, lse);
      expRange(p, teacher + at, size, teacherLse);
      spreadGap(dLogits + at, bytesOf(size), q, p, factor, accumulate);
    }
  }
}

/** to = (accumulate ? to : 0) + factor · (q - p). */
function spreadGap(
  to: usize,
  bytes: usize,
  q: usize,
  p: usize,
  factor: v128,
  accumulate: u32,
): void {
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const gap = f32x4.sub(v128.load(q + at), v128.load(p + at));
    storeUntil(to + bytes, to + at, madd(factor, gap, loadIf(accumulate, to + at)));
  }
}
