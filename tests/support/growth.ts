/** Growth of the time of some work with its size. @module */

import { assert } from "./std/assert.ts";

async function timeOf(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/**
 * Checks that eight times the work takes about eight times as long: linear work does, quadratic work takes
 * 64 times as long, and the limit is between. Where other processes add to a time, it is taken again.
 *
 * @param prepare Makes the work of a size.
 */
export async function assertLinear(
  size: number,
  prepare: (size: number) => (() => unknown) | Promise<() => unknown>,
): Promise<void> {
  const [small, large] = [await prepare(size), await prepare(8 * size)];
  let once = Infinity, again = Infinity;
  for (let tries = 0; tries < 20 && !(again < 24 * once); tries++) {
    once = Math.min(once, await timeOf(small));
    again = Math.min(again, await timeOf(large));
  }
  const times = `${once.toFixed(1)} ms of ${size} and ${again.toFixed(1)} ms of ${8 * size}`;
  assert(again < 24 * once, times);
}
