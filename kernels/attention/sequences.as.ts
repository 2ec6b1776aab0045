/**
 * The rows of a sequence: of packed ones between two numbers of `starts`, which is 0 for others.
 */

import { bytesOf } from "../simd/vector.as";

/** The first row of sequence b, of `each` rows if sequences are not packed. */
// @ts-ignore: decorator
@inline export function firstRow(starts: usize, b: u32, each: u32): u32 {
  return starts ? load<u32>(starts + bytesOf(b)) : b * each;
}

/** Number of its rows. */
// @ts-ignore: decorator
@inline export function rowsOf(starts: usize, b: u32, each: u32): u32 {
  return starts ? load<u32>(starts + bytesOf(b) + 4) - load<u32>(starts + bytesOf(b)) : each;
}

/**
 * The sequence of a unit, a head of a sequence. Packed sequences take turns, so that no thread gets all heads
 * of the long ones.
 */
// @ts-ignore: decorator
@inline export function sequenceOf(unit: u32, starts: usize, batch: u32, heads: u32): u32 {
  return starts ? unit % batch : unit / heads;
}

/** Its head. */
// @ts-ignore: decorator
@inline export function headOf(unit: u32, starts: usize, batch: u32, heads: u32): u32 {
  return starts ? unit / batch : unit % heads;
}
