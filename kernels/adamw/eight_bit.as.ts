/** adamw_eight_bit. */

import { scratch } from "../simd/scratch.as";
import { bytesOf, loadUntil, madd, splat, VECTOR, zero } from "../simd/vector.as";
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
    store<f32>(firstScale, quantize(m, maps, true, count, first + start));
    store<f32>(secondScale, quantize(v, unsignedMap, false, count, second + start));
  }
}

function dequantize(codes: usize, map: usize, scale: f32, count: u32, to: usize): void {
  for (let i: u32 = 0; i < count; i++) {
    store<f32>(to + bytesOf(i), load<f32>(map + bytesOf(load<u8>(codes + i))) * scale);
  }
}

/** Writes the codes and returns their scale. */
function quantize(values: usize, map: usize, isSigned: bool, count: u32, codes: usize): f32 {
  const last = values + bytesOf(count), scale = largestMagnitude(values, last);
  const inverse = splat(1 / max(scale, LEAST)), guesses = scratch(bytesOf(2 * BLOCK));
  for (let at = values, to = guesses; at < last; at += VECTOR, to += VECTOR) {
    const x = f32x4.mul(v128.load(at), inverse);
    v128.store(at, x);
    v128.store(to, isSigned ? guessSigned(x) : guessUnsigned(x));
  }
  for (let i: u32 = 0; i < count; i++) {
    const x = load<f32>(values + bytesOf(i)), guess = load<u32>(guesses + bytesOf(i));
    store<u8>(codes + i, nearest(x, guess, map + VALUES));
  }
  return scale;
}

function largestMagnitude(at: usize, last: usize): f32 {
  let most = zero();
  for (; at < last; at += VECTOR) most = f32x4.max(most, f32x4.abs(loadUntil(last, at)));
  most = f32x4.max(most, i32x4.shuffle(most, most, 2, 3, 0, 1));
  return max(f32x4.extract_lane(most, 0), f32x4.extract_lane(most, 1));
}

// Powers of ten from 10^-1 down to 10^-6 and, for values below each, how many codes there are per unit and where they
// begin: 2^d values evenly between 10^(d-7) and 10^(d-6), after 2^d - 1 smaller ones and zero.
const decades = memory.data<f32>([
  1e-1,
  355.55556,
  28.444445,
  1e-2,
  1777.7778,
  14.222222,
  1e-3,
  8888.889,
  7.111111,
  1e-4,
  44444.445,
  3.5555556,
  1e-5,
  222222.22,
  1.7777778,
  1e-6,
  1111111.1,
  0.8888889,
]);

/** The place of |x| among the positive values of the signed map, from 1, before it is rounded down; off by less than 1. */
function placeOf(magnitude: v128): v128 {
  let slope = splat(71.111115), start = splat(56.88889);
  for (let at = decades, last = decades + 72; at < last; at += 12) {
    const below = f32x4.lt(magnitude, v128.load32_splat(at));
    slope = v128.bitselect(v128.load32_splat(at, 4), slope, below);
    start = v128.bitselect(v128.load32_splat(at, 8), start, below);
  }
  return madd(magnitude, slope, start);
}

/** Codes of the signed map, off by at most 1: its zero is 127. */
function guessSigned(x: v128): v128 {
  const place = i32x4.trunc_sat_f32x4_s(placeOf(f32x4.abs(x))), negative = f32x4.lt(x, zero());
  const code = i32x4.add(i32x4.splat(127), i32x4.sub(v128.xor(place, negative), negative));
  return i32x4.max_s(i32x4.min_s(code, i32x4.splat(255)), i32x4.splat(0));
}

/** Codes of the unsigned map, off by at most 1: it has twice as many values in each power of ten. */
function guessUnsigned(x: v128): v128 {
  const place = placeOf(x), code = i32x4.trunc_sat_f32x4_s(f32x4.add(place, f32x4.sub(place, splat(1))));
  return i32x4.max_s(i32x4.min_s(code, i32x4.splat(255)), i32x4.splat(0));
}

/** The number of middles below x, of which the guess is off by at most 1; the last number is above all x. */
// @ts-ignore: decorator
@inline function nearest(x: f32, guess: u32, middles: usize): u32 {
  const code = guess + <u32>(load<f32>(middles + bytesOf(guess)) < x);
  return code == 0 ? 0 : code - <u32>!(load<f32>(middles + bytesOf(code - 1)) < x);
}
