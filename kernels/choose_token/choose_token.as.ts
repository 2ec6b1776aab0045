/** choose_token. */

import { expRange, log } from "../simd/exponential.as";
import { scratch } from "../simd/scratch.as";
import { bytesOf } from "../simd/vector.as";

const BLOCK: u32 = 512; // elements: the exponentials stay in the first-level cache

export function choose_token(
  logits: usize,
  ids: usize,
  _rows: u32,
  vocabulary: u32,
  temperature: f32,
  kept: u32,
  seed: u32,
  begin: u32,
  end: u32,
): void {
  for (let row = begin; row < end; row++) {
    const first = row * vocabulary, from = logits + bytesOf(first);
    let chosen = largestAt(from, vocabulary);
    if (chosen < vocabulary && temperature > 0) {
      const least = kept < vocabulary ? leastKept(from, vocabulary, kept) : 0;
      chosen = sample(from, vocabulary, chosen, temperature, least, seed, first);
    }
    store<u32>(ids + bytesOf(row), chosen);
  }
}

/** The index of the largest logit, or what stands for the first one that is not finite. */
function largestAt(from: usize, count: u32): u32 {
  let largest = load<f32>(from), at: u32 = 0;
  for (let j: u32 = 0; j < count; j++) {
    const x = load<f32>(from + bytesOf(j));
    if (!(x - x == 0)) return x > 0 ? 0xfffffffe : x < 0 ? 0xfffffffd : 0xffffffff;
    if (x > largest) {
      largest = x;
      at = j;
    }
  }
  return at;
}

/** The winner of the race. As E >= v, most tokens lose before their logarithm is taken. */
function sample(
  from: usize,
  count: u32,
  largest: u32,
  temperature: f32,
  least: u64,
  seed: u32,
  first: u32,
): u32 {
  const top = load<f32>(from + bytesOf(largest));
  let best: f64 = 0, winner = largest;
  for (let start: u32 = 0; start < count; start += BLOCK) {
    const size = min(BLOCK, count - start);
    weigh(from + bytesOf(start), size, top, temperature);
    for (let j = start; j < start + size; j++) {
      const weight = <f64>load<f32>(scratch(bytesOf(j - start)));
      const v = (<f64>hash32(seed, first + j) + 0.5) / 4294967296;
      if (weight <= best * v || keyAt(from, j) < least) continue;
      const score = weight / -log(1 - v);
      if (score > best) {
        best = score;
        winner = j;
      }
    }
  }
  return winner;
}

/** scratch[i] = e^((from[i] - top) / temperature). */
function weigh(from: usize, size: u32, top: f32, temperature: f32): void {
  for (let i: u32 = 0; i < size; i++) {
    store<f32>(scratch(bytesOf(i)), (load<f32>(from + bytesOf(i)) - top) / temperature);
  }
  expRange(scratch(0), scratch(0), size, 0);
}

/** Orders logits as numbers, and of equal ones the first above the others. */
function keyAt(from: usize, j: u32): u64 {
  const bits = load<u32>(from + bytesOf(j)), order = bits >> 31 ? 0 - bits : bits | 0x80000000;
  return (<u64>order << 32) | <u64>~j;
}

/** A lower bound of exactly `kept` keys, found digit by digit from the highest. */
function leastKept(from: usize, count: u32, kept: u32): u64 {
  let least: u64 = 0, left = kept;
  for (let shift: i32 = 56; shift >= 0; shift -= 8) {
    countDigits(from, count, least, shift);
    let digit: u32 = 255;
    while (counterOf(digit) < left) left -= counterOf(digit--);
    least |= <u64>digit << shift;
    if (counterOf(digit) == left) break;
  }
  return least;
}

/** Counts in scratch, by their digit at `shift`, the keys that agree with `least` above it. */
function countDigits(from: usize, count: u32, least: u64, shift: u64): void {
  const above: u64 = (<u64>0xffffffffffffff00) << shift;
  memory.fill(scratch(0), 0, 1024);
  for (let j: u32 = 0; j < count; j++) {
    const key = keyAt(from, j);
    if ((key ^ least) & above) continue;
    const counter = scratch(bytesOf(<u32>(key >> shift) & 255));
    store<u32>(counter, load<u32>(counter) + 1);
  }
}

function counterOf(digit: u32): u32 {
  return load<u32>(scratch(bytesOf(digit)));
}

/** The hash of src/core/random.ts. */
function hash32(seed: u32, index: u32): u32 {
  let x = (index * 0x9e3779b9) ^ seed;
  x = (x ^ (x >> 16)) * 0x7feb352d;
  x = (x ^ (x >> 15)) * 0x846ca68b;
  return x ^ (x >> 16);
}
