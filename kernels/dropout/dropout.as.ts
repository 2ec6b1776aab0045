/** dropout. */

import { LANES, loadIf, splat, storePart } from "../simd/vector.as";

/** The hash32 of src/core/random.ts, bit by bit. */
// @ts-ignore: decorator
@inline function hash4(seed: v128, index: v128): v128 {
  let x = v128.xor(i32x4.mul(index, i32x4.splat(0x9e3779b9)), seed);
  x = i32x4.mul(v128.xor(x, i32x4.shr_u(x, 16)), i32x4.splat(0x7feb352d));
  x = i32x4.mul(v128.xor(x, i32x4.shr_u(x, 15)), i32x4.splat(0x846ca68b));
  return v128.xor(x, i32x4.shr_u(x, 16));
}

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
  const seeds = i32x4.splat(seed), limit = i32x4.splat(threshold), scale = splat(keepScale);
  for (let i = begin; i < end; i += LANES) {
    const at: usize = <usize>i << 2;
    const index = i32x4.add(i32x4.splat(i), i32x4(0, 1, 2, 3));
    const kept = i32x4.ge_u(hash4(seeds, index), limit);
    const value = v128.and(f32x4.mul(scale, v128.load(x + at)), kept);
    const result = f32x4.add(loadIf(accumulate, y + at), value);
    if (end - i >= LANES) v128.store(y + at, result);
    else storePart(y + at, result, end - i);
  }
}
