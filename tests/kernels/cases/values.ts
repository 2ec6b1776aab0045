/** Inputs for the kernel cases, all from seeds. @module */

import { Random } from "../../../src/core/random.ts";

/** Extents around the widths of vectors, tiles and workgroups. */
export const awkward: readonly number[] = [1, 2, 3, 5, 8, 15, 16, 17, 33, 64];

/** Standard normal values. */
export function normals(seed: number, length: number, scale = 1): Float32Array {
  const random = new Random(seed);
  return Float32Array.from({ length }, () => scale * random.normal());
}

/** Whole numbers below a bound. */
export function integers(seed: number, length: number, bound: number): Uint32Array {
  const random = new Random(seed);
  return Uint32Array.from({ length }, () => random.integer(bound));
}

/** Poison: its size. What an `update` binding holds before, given `accumulate`. */
export function target(seed: number, length: number, accumulate: number): Float32Array | number {
  return accumulate ? normals(seed, length) : length;
}
