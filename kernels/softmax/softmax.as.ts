/** softmax_forward and softmax_backward. */

import { expRange } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import {
  bytesOf,
  largestOf,
  loadIf,
  loadUntil,
  madd,
  splat,
  storePart,
  storeUntil,
  sumLanes,
  VECTOR,
  zero,
} from "../simd/vector.as";

const BLOCK: u32 = 512; // elements: the exponentials stay in the first-level cache

export function softmax_forward(
  x: usize,
  mask: usize,
  p: usize,
  _batch: u32,
  rows: u32,
  keys: u32,
  hasMask: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(keys);
  for (let row: usize = begin; row < end; row++) {
    const maskAt = hasMask ? mask + row / rows * bytes : 0;
    const from = x + row * bytes, to = p + row * bytes, largest = largestSeen(from, maskAt, keys);
    // If no key is seen, -∞ - 0 keeps the exponentials 0 rather than NaN.
    const sum = exponentials(from, maskAt, to, keys, largest == -Infinity ? 0 : largest);
    scaleRow(to, keys, sum == 0 ? 0 : 1 / sum);
  }
}

/** A block of a row in scratch, with -∞ for hidden keys. */
function shownBlock(from: usize, mask: usize, start: u32, size: u32): usize {
  const block = scratch(0);
  for (let at: usize = 0; at < bytesOf(size); at += VECTOR) {
    v128.store(block + at, v128.load(from + bytesOf(start) + at));
  }
  if (mask) maskRow(block, mask + bytesOf(start), size);
  return block;
}

/** Sets the scores of hidden keys to -∞, whose exponential is 0. */
export function maskRow(scores: usize, mask: usize, width: u32): void {
  for (let at: usize = 0; at < bytesOf(width); at += VECTOR) {
    const hidden = i32x4.eq(v128.load(mask + at), i32x4.splat(0));
    const x = v128.bitselect(splat(-Infinity), v128.load(scores + at), hidden);
    v128.store(scores + at, x);
  }
}

/** row · factor. */
export function scaleRow(row: usize, width: u32, factor: f32): void {
  const factors = splat(factor), last = row + bytesOf(width);
  for (; row + VECTOR <= last; row += VECTOR) v128.store(row, f32x4.mul(v128.load(row), factors));
  if (row < last) storePart(row, f32x4.mul(v128.load(row), factors), <u32>(last - row) >> 2);
}

function largestSeen(from: usize, mask: usize, keys: u32): f32 {
  let largest: f32 = -Infinity;
  for (let start: u32 = 0; start < keys; start += BLOCK) {
    const size = min(BLOCK, keys - start), block = shownBlock(from, mask, start, size);
    largest = largestOf(block, block + bytesOf(size), largest);
  }
  return largest;
}

/** to = e^(from - shift); returns the sum. A NaN that the maximum misses reappears here. */
function exponentials(from: usize, mask: usize, to: usize, keys: u32, shift: f32): f32 {
  let sum: f32 = 0;
  for (let start: u32 = 0; start < keys; start += BLOCK) {
    const size = min(BLOCK, keys - start), block = shownBlock(from, mask, start, size);
    sum += expRange(block, block, size, shift);
    const target = to + bytesOf(start), last = target + bytesOf(size);
    for (let at: usize = 0; at < bytesOf(size); at += VECTOR) {
      storeUntil(last, target + at, v128.load(block + at));
    }
  }
  return sum;
}

export function softmax_backward(
  p: usize,
  dp: usize,
  dx: usize,
  _rows: u32,
  keys: u32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const bytes = bytesOf(keys);
  for (let row: usize = begin; row < end; row++) {
    const at = row * bytes, last = dx + at + bytes, means = splat(dot(p + at, dp + at, bytes));
    for (let column = at; column < at + bytes; column += VECTOR) {
      const gap = f32x4.sub(v128.load(dp + column), means);
      const sum = madd(v128.load(p + column), gap, loadIf(accumulate, dx + column));
      storeUntil(last, dx + column, sum);
    }
  }
}

function dot(x: usize, y: usize, bytes: usize): f32 {
  let sum = zero();
  for (let at: usize = 0; at < bytes; at += VECTOR) {
    sum = madd(loadUntil(x + bytes, x + at), loadUntil(y + bytes, y + at), sum);
  }
  return sumLanes(sum);
}
