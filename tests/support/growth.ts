/** How the time of some work grows with its size. @module */

import { assert } from "./std/assert.ts";

/** The least of three times, in milliseconds: what other processes add is left out. */
async function leastTime(work: () => unknown): Promise<number> {
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    await work();
    times.push(performance.now() - start);
  }
  return Math.min(...times);
}

/**
 * Checks that four times the work takes about four times as long: linear work does, quadratic work takes
 * sixteen times as long.
 *
 * @param prepare Makes the work of a size.
 */
export async function assertLinear(
  size: number,
  prepare: (size: number) => (() => unknown) | Promise<() => unknown>,
): Promise<void> {
  const [small, large] = [await prepare(size), await prepare(4 * size)];
  const [once, again] = [await leastTime(small), await leastTime(large)];
  const times = `${once.toFixed(1)} ms of ${size} and ${again.toFixed(1)} ms of ${4 * size}`;
  assert(again < 9 * Math.max(once, 5), times);
}
