/** How the time of some work grows with its size. @module */

import { assert } from "./std/assert.ts";

async function timeOf(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * Checks that eight times the work takes about eight times as long: linear work does, quadratic work takes
 * 64 times as long, and the limit is between. Of two times each the less counts, without what other
 * processes add.
 *
 * @param prepare Makes the work of a size.
 */
export async function assertLinear(
  size: number,
  prepare: (size: number) => (() => unknown) | Promise<() => unknown>,
): Promise<void> {
  const [small, large] = [await prepare(size), await prepare(8 * size)];
  let once = Infinity, again = Infinity;
  for (let i = 0; i < 2; i++) {
    once = Math.min(once, await timeOf(small));
    again = Math.min(again, await timeOf(large));
  }
  const times = `${once.toFixed(1)} ms of ${size} and ${again.toFixed(1)} ms of ${8 * size}`;
  assert(again < 24 * Math.max(once, 5), times);
}
