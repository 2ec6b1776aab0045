/** Times of rounds that are all alike. @module */

import type { TurnTimes } from "../../experiments/frame/turns.ts";

/** 15 rounds of one time, in ms: their interval is that time. */
export const turnTimes = (time: number): TurnTimes => ({
  ...{ minimum: time, median: time, rounds: 15 },
  each: Array.from({ length: 15 }, () => time),
});
