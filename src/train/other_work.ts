/** Letting timers and signals in between steps. @module */

/** Schedules a task for the next turn of the event loop; browsers only have timers. */
const soon: (task: () => void) => void = globalThis.setImmediate ?? setTimeout;

/** Least time from one sleep to the next. */
const sleepEveryMs = 250;

let sleptAt = -Infinity;

/**
 * Lets timers run, in 6 µs: on the CPU a step is synchronous, and awaiting promises alone never lets
 * them run. Deno handles signals, such as a Stop button's, when it sleeps, and otherwise only at every
 * 61st turn, which takes twenty steps. So this sometimes sleeps, for 1 ms.
 */
export function otherWork(): Promise<void> {
  const now = performance.now();
  if (now - sleptAt < sleepEveryMs) return new Promise((resolve) => soon(resolve));
  sleptAt = now;
  return new Promise((resolve) => setTimeout(resolve));
}
