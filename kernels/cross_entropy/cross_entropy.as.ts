/** cross_entropy_forward and cross_entropy_backward. */

import { expConstant, exponential, expRange, log } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { sumOf } from "../simd/sums.as";
import { bytesOf, largestOf, madd, splat, storeUntil, VECTOR, zero } from "../simd/vector.as";

const BLOCK: u32 = 512; // elements: the exponentials stay in the first-level cache

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
  for (let row: usize = begin; row < end; row++) {
    const from = logits + row * bytesOf(vocabulary), lse = logSumExpOf(from, vocabulary);
    const label = load<i32>(labels + row * 4);
    const value = label < 0 ? 0 : scale * loss(from, lse, label, vocabulary, smoothing);
    store<f32>(logSumExp + row * 4, <f32>lse);
    store<f32>(losses + row * 4, <f32>value);
  }
}

function loss(from: usize, lse: f64, label: i32, vocabulary: u32, smoothing: f32): f64 {
  const mean = smoothing == 0 ? 0 : sumOf(from, vocabulary) / <f64>vocabulary;
  const logit = <f64>load<f32>(from + bytesOf(label));
  return lse - (1 - <f64>smoothing) * logit - <f64>smoothing * mean;
}

/** log Σ e^x over a row. A NaN that the maximum misses reappears in the exponentials. */
export function logSumExpOf(from: usize, count: u32): f64 {
  const largest = largestOf(from, from + bytesOf(count), load<f32>(from));
  let total: f64 = 0;
  for (let start: u32 = 0; start < count; start += BLOCK) {
    const size = min(BLOCK, count - start);
    total += expRange(scratch(0), from + bytesOf(start), size, largest);
  }
  return <f64>largest + log(total);
}

export function cross_entropy_backward(
  labels: usize,
  logSumExp: usize,
  dLoss: usize,
  logits: usize,
  _rows: u32,
  vocabulary: u32,
  smoothing: f32,
  scale: f32,
  begin: u32,
  end: u32,
): void {
  const highest = expConstant(0), lowest = expConstant(1), perLog2 = expConstant(2);
  const magic = expConstant(3), log2High = expConstant(4), log2Low = expConstant(5);
  const c6 = expConstant(6), c5 = expConstant(7), c4 = expConstant(8), c3 = expConstant(9);
  const c2 = expConstant(10), one = expConstant(11);
  const stride = bytesOf(vocabulary), share = splat(smoothing / <f32>vocabulary), none = zero();
  for (let row: usize = begin; row < end; row++) {
    const label = load<i32>(labels + row * 4), from = logits + row * stride, last = from + stride;
    const factor: f32 = label < 0 ? 0 : load<f32>(dLoss) * scale, factors = splat(factor);
    const lse = splat(load<f32>(logSumExp + row * 4));
    for (let at = from; at < last; at += VECTOR) {
      // deno-fmt-ignore
      const softmax = exponential(
        f32x4.sub(v128.load(at), lse),
        highest, lowest, perLog2, magic, log2High, log2Low, c6, c5, c4, c3, c2, one,
      );
      storeUntil(last, at, madd(factors, f32x4.sub(softmax, share), none));
    }
    if (label >= 0) lower(from + bytesOf(label), factor * (1 - smoothing));
  }
}

function lower(at: usize, by: f32): void {
  store<f32>(at, load<f32>(at) - by);
}
