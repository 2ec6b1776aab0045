/** dequantize_scales, dequantize_four_bit and matmul_four_bit. */

import { scratch } from "../simd/scratch.as";
import { bytesOf, loadUntil, madd, sumLanes, VECTOR, zero } from "../simd/vector.as";
import { unpack } from "./unpack.as";

export function dequantize_scales(
  codes: usize,
  map: usize,
  nested: usize,
  scales: usize,
  count: u32,
  begin: u32,
  end: u32,
): void {
  const offset = load<f32>(nested + bytesOf((count + 255) >> 8));
  for (let i = begin; i < end; i++) {
    const value = load<f32>(map + bytesOf(load<u8>(codes + i)));
    store<f32>(scales + bytesOf(i), value * load<f32>(nested + bytesOf(i >> 8)) + offset);
  }
}

export function dequantize_four_bit(
  packed: usize,
  values: usize,
  scales: usize,
  y: usize,
  _size: u32,
  valueOffset: u32,
  blockSize: u32,
  begin: u32,
  end: u32,
): void {
  unpack(packed, values, scales, blockSize, valueOffset + begin, end - begin, y + bytesOf(begin));
}

/** Values of W that are unpacked at a time: they stay in the first cache while every row of x reads them. */
const PART: u32 = 2048;

/** A row of W after another: parts of it are unpacked into scratch and multiplied by all rows of x. */
export function matmul_four_bit(
  x: usize,
  packed: usize,
  values: usize,
  scales: usize,
  bias: usize,
  y: usize,
  m: u32,
  n: u32,
  k: u32,
  blockSize: u32,
  hasBias: u32,
  begin: u32,
  end: u32,
): void {
  const part = scratch(0);
  for (let column = begin; column < end; column++) {
    const start: f32 = hasBias ? load<f32>(bias + bytesOf(column)) : 0;
    for (let row: u32 = 0; row < m; row++) store<f32>(y + bytesOf(row * n + column), start);
    for (let at: u32 = 0; at < k; at += PART) {
      const count = min(PART, k - at);
      unpack(packed, values, scales, blockSize, column * k + at, count, part);
      for (let row: u32 = 0; row < m; row++) {
        const to = y + bytesOf(row * n + column);
        store<f32>(to, load<f32>(to) + dot(x + bytesOf(row * k + at), part, count));
      }
    }
  }
}

/** Σ a b over a range that both have from their start on. */
function dot(a: usize, b: usize, count: u32): f32 {
  let even = zero(), odd = zero();
  const last = a + bytesOf(count), lastOfB = b + bytesOf(count);
  for (; a + 2 * VECTOR <= last; a += 2 * VECTOR, b += 2 * VECTOR) {
    even = madd(v128.load(a), v128.load(b), even);
    odd = madd(v128.load(a, 16), v128.load(b, 16), odd);
  }
  for (; a < last; a += VECTOR, b += VECTOR) {
    even = madd(loadUntil(last, a), loadUntil(lastOfB, b), even);
  }
  return sumLanes(f32x4.add(even, odd));
}
