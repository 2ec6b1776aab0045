/** cross_entropy_forward and cross_entropy_backward. */

import { exp4, log } from "../simd/exponential.as";
import { BLOCK, sumBlocks } from "../simd/sums.as";
import {
  firstLanes,
  loadIf,
  madd,
  maxLanes,
  splat,
  storePart,
  sumLanes,
  VECTOR,
  zero,
} from "../simd/vector.as";

export function cross_entropy_forward(
  logits: usize,
  labels: usize,
  losses: usize,
  logSumExp: usize,
  _rows: u32,
  vocabulary: u32,
  smoothing: f32,
  scale: f32,
  begin: u32,
  end: u32,
): void {
  const bytes: usize = <usize>vocabulary << 2;
  for (let row = begin; row < end; row++) {
    const from: usize = logits + row * bytes, at: usize = <usize>row << 2;
    const lse = logSumExpOf(from, vocabulary);
    const label = load<i32>(labels + at);
    store<f32>(logSumExp + at, <f32>lse);
    const value = label < 0 ? 0 : scale * loss(from, lse, label, vocabulary, smoothing);
    store<f32>(losses + at, <f32>value);
  }
}

function loss(from: usize, lse: f64, label: i32, vocabulary: u32, smoothing: f32): f64 {
  const mean = smoothing == 0 ? 0 : sumBlocks(from, vocabulary) / <f64>vocabulary;
  const logit = <f64>load<f32>(from + (<usize>label << 2));
  return lse - (1 - <f64>smoothing) * logit - <f64>smoothing * mean;
}

/** log Σ e^x over a row. A NaN that the maximum missed comes back through the exponentials. */
export function logSumExpOf(from: usize, count: u32): f64 {
  const largest = maxOf(from, count), end: usize = from + (<usize>count << 2);
  const shift = splat(largest);
  let total: f64 = 0;
  while (from < end) {
    const last = min(end, from + (BLOCK << 2));
    let sum = zero();
    for (; from + VECTOR <= last; from += VECTOR) {
      sum = f32x4.add(sum, exp4(f32x4.sub(v128.load(from), shift)));
    }
    if (from < last) {
      const kept = firstLanes(<u32>(last - from) >> 2);
      sum = f32x4.add(sum, v128.and(exp4(f32x4.sub(v128.load(from), shift)), kept));
      from = last;
    }
    total += sumLanes(sum);
  }
  return <f64>largest + log(total);
}

function maxOf(from: usize, count: u32): f32 {
  const last: usize = from + (<usize>count << 2);
  let largest = v128.load32_splat(from);
  for (; from + VECTOR <= last; from += VECTOR) largest = f32x4.pmax(largest, v128.load(from));
  for (; from < last; from += 4) largest = f32x4.pmax(largest, v128.load32_splat(from));
  return maxLanes(largest);
}

export function cross_entropy_backward(
  logits: usize,
  labels: usize,
  logSumExp: usize,
  dLoss: usize,
  dLogits: usize,
  _rows: u32,
  vocabulary: u32,
  smoothing: f32,
  scale: f32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const bytes: usize = <usize>vocabulary << 2, share = smoothing / <f32>vocabulary;
  for (let row = begin; row < end; row++) {
    const at: usize = <usize>row << 2, label = load<i32>(labels + at);
    const factor: f32 = label < 0 ? 0 : load<f32>(dLoss) * scale;
    const from: usize = logits + row * bytes, to: usize = dLogits + row * bytes;
    const lse = splat(load<f32>(logSumExp + at));
    const column: usize = <usize>max(label, 0) << 2;
    const held: f32 = accumulate ? load<f32>(to + column) : 0;
    const p = f32x4.extract_lane(exp4(f32x4.sub(v128.load32_splat(from + column), lse)), 0);
    spreadRow(from, to, bytes, lse, splat(factor), splat(-share), accumulate);
    if (label >= 0) store<f32>(to + column, held + factor * (p - (1 - smoothing + share)));
  }
}

/** to = held + factor · (exp(x - lse) + offset); the label's own column is mended by the caller. */
function spreadRow(
  from: usize,
  to: usize,
  bytes: usize,
  lse: v128,
  factor: v128,
  offset: v128,
  accumulate: u32,
): void {
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    const p = exp4(f32x4.sub(v128.load(from + at), lse));
    const result = madd(factor, f32x4.add(p, offset), loadIf(accumulate, to + at));
    if (at + VECTOR <= bytes) v128.store(to + at, result);
    else storePart(to + at, result, <u32>(bytes - at) >> 2);
  }
}
