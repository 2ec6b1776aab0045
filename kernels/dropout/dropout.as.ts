/** dropout. */

import { bytesOf, loadIf, splat, storeUntil, VECTOR } from "../simd/vector.as";

// The constants of hash32 in src/core/random.ts, in memory as exponential.as.ts explains.
const table = memory.data<u32>([0x7feb352d, 0x846ca68b, 4 * 0x9e3779b9]);

// The steps of hash32; the product index · 0x9e3779b9 is updated by addition.
export function dropout(
  x: usize,
  y: usize,
  _size: u32,
  seed: u32,
  threshold: u32,
  keepScale: f32,
  accumulate: u32,
  begin: u32,
  end: u32,
): void {
  const first = v128.load32_splat(table), second = v128.load32_splat(table, 4);
  const growth = v128.load32_splat(table, 8), seeds = i32x4.splat(seed);
  const limit = i32x4.splat(threshold), scale = splat(keepScale), last = bytesOf(end);
  const index = i32x4.add(i32x4.splat(begin), i32x4(0, 1, 2, 3));
  let product = i32x4.mul(index, i32x4.splat(0x9e3779b9));
  for (let at = bytesOf(begin); at < last; at += VECTOR) {
    let bits = v128.xor(product, seeds);
    bits = i32x4.mul(v128.xor(bits, i32x4.shr_u(bits, 16)), first);
    bits = i32x4.mul(v128.xor(bits, i32x4.shr_u(bits, 15)), second);
    bits = v128.xor(bits, i32x4.shr_u(bits, 16));
    const value = f32x4.mul(scale, v128.load(x + at));
    const kept = v128.and(value, i32x4.ge_u(bits, limit));
    storeUntil(y + last, y + at, f32x4.add(loadIf(accumulate, y + at), kept));
    product = i32x4.add(product, growth);
  }
}
