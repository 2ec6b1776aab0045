/** Timing pieces of work that take turns. @module */

import { median } from "../../src/core/numbers.ts";

/** The times of one piece of work. */
export interface TurnTimes {
  /** The least, in ms: other work only ever adds. */
  readonly minimum: number;
  /** Median time, in ms. */
  readonly median: number;
  /** Number of rounds. */
  readonly rounds: number;
  /** Time of every round, in ms. */
  readonly each: readonly number[];
}

/** Times all in turn, after a round to warm up; the one that begins changes from round to round. */
export async function timeInTurns(
  work: readonly (() => Promise<unknown>)[],
  rounds: number,
  signal: AbortSignal,
): Promise<TurnTimes[]> {
  const times: number[][] = work.map(() => []);
  for (let round = 0; round <= rounds; round++) {
    for (let turn = 0; turn < work.length; turn++) {
      signal.throwIfAborted();
      const place = (round + turn) % work.length, begun = performance.now();
      await work[place]();
      if (round > 0) times[place].push(performance.now() - begun);
    }
  }
  return times.map((each) => ({
    ...{ minimum: Math.min(...each), median: median(each) },
    ...{ rounds, each },
  }));
}
