/**
 * Comparison of whole tensors.
 *
 * @module
 */

import { AssertionError } from "@std/assert";

/** Tolerance of two arrays: `|actual - expected| <= absolute + relative * |expected|`. */
export interface Tolerance {
  /** Allowed difference as a share of the expected value; default 1e-5. */
  relative?: number;
  /** Allowed difference whatever the expected value; default 1e-6. */
  absolute?: number;
  /** Name of the compared values, for the message. */
  what?: string;
}

/**
 * Fails unless every element is within the tolerance, naming the worst index and both values.
 * NaN in `actual` always fails: it is how a kernel that did not write its output shows.
 */
export function assertAllClose(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  { relative = 1e-5, absolute = 1e-6, what = "arrays" }: Tolerance = {},
): void {
  if (actual.length !== expected.length) {
    throw new AssertionError(`${what}: ${actual.length} values, expected ${expected.length}`);
  }
  const { index, excess, outside } = worst(actual, expected, relative, absolute);
  if (outside === 0) return;
  throw new AssertionError(
    `${what}: ${outside} of ${actual.length} values outside the tolerance ` +
      `(relative ${relative}, absolute ${absolute}); worst at [${index}]: ` +
      `actual ${actual[index]}, expected ${expected[index]} (${excess.toPrecision(3)} x allowed)`,
  );
}

function worst(
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  relative: number,
  absolute: number,
): { index: number; excess: number; outside: number } {
  let index = 0, excess = 0, outside = 0;
  for (let i = 0; i < actual.length; i++) {
    const ratio = excessOf(actual[i], expected[i], relative, absolute);
    if (ratio > 1) outside++;
    if (ratio > excess) [index, excess] = [i, ratio];
  }
  return { index, excess, outside };
}

/** The difference over the allowed difference; above 1 fails. */
function excessOf(actual: number, expected: number, relative: number, absolute: number): number {
  if (actual === expected) return 0; // also equal infinities, whose difference is NaN
  const ratio = Math.abs(actual - expected) / (absolute + relative * Math.abs(expected));
  return Number.isNaN(ratio) ? Infinity : ratio;
}
