/** adamw_eight_bit. */

import { scratch } from "../simd/scratch.as";
import { bytesOf, loadUntil, VECTOR, zero } from "../simd/vector.as";
import { adamw } from "./adamw.as";

const BLOCK: u32 = 256;

/** Bytes of the values of a map, and of the middles between them. */
const VALUES: usize = 1024;

/** The smallest normal number: a block of zeros is divided by it. */
const LEAST: f32 = 1.1754944e-38;

/** A block after another: its moments are unpacked into scratch, stepped as those in F32 are, and rounded again. */
export function adamw_eight_bit(
  parameter: usize,
  gradient: usize,
  first: usize,
  second: usize,
  firstScales: usize,
  secondScales: usize,
  maps: usize,
  norm: usize,
  size: u32,
  learningRate: f32,
  beta1: f32,
  complement1: f32,
  beta2: f32,
  complement2: f32,
  epsilon: f32,
  keep: f32,
  correction1: f32,
  correction2: f32,
  maxNorm: f32,
  begin: u32,
  end: u32,
): void {
  const m = scratch(0), v = scratch(bytesOf(BLOCK)), unsignedMap = maps + 2 * VALUES;
  for (let block = begin; block < end; block++) {
    const start = block * BLOCK, count = min(BLOCK, size - start), at = bytesOf(start);
    const firstScale = firstScales + bytesOf(block), secondScale = secondScales + bytesOf(block);
    dequantize(first + start, maps, load<f32>(firstScale), count, m);
    dequantize(second + start, unsignedMap, load<f32>(secondScale), count, v);
    adamw(
      parameter + at,
      gradient + at,
      m,
      v,
      norm,
      count,
      learningRate,
      beta1,
      complement1,
      beta2,
      complement2,
      epsilon,
      keep,
      correction1,
      correction2,
      maxNorm,
      0,
      count,
    );
    store<f32>(firstScale, quantize(m, maps, count, first + start));
    store<f32>(secondScale, quantize(v, unsignedMap, count, second + start));
  }
}

function dequantize(codes: usize, map: usize, scale: f32, count: u32, to: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    store<f32>(to + bytesOf(i), load<f32>(map + bytesOf(load<u8>(codes + i))) * scale);
  }
}

/** Writes the codes and returns their scale. */
function quantize(values: usize, map: usize, count: u32, codes: usize): f32 {
  const scale = largestMagnitude(values, values + bytesOf(count)), inverse: f32 = 1 / max(scale, LEAST);
  for (let i: u32 = 0; i < count; i++) {
    store<u8>(codes + i, nearest(load<f32>(values + bytesOf(i)) * inverse, map + VALUES));
  }
  return scale;
}

function largestMagnitude(at: usize, last: usize): f32 {
  let most = zero();
  for (; at < last; at += VECTOR) most = f32x4.max(most, f32x4.abs(loadUntil(last, at)));
  most = f32x4.max(most, i32x4.shuffle(most, most, 2, 3, 0, 1));
  return max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1));
}

/** The number of middles below x, without branches: none could be predicted. */
// @ts-ignore: decorator
@inline function nearest(x: f32, middles: usize): u32 {
  let code: u32 = 0;
  for (let stride: u32 = 128; stride > 0; stride >>= 1) {
    code += select<u32>(stride, 0, load<f32>(middles + bytesOf(code + stride - 1)) < x);
  }
  return code;
}
