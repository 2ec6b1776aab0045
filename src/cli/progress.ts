/** Progress of training, on standard error. @module */

import type { Progress } from "../train/mod.ts";
import { type CommonOptions, note } from "./common.ts";

/** A listener that tells of the first step, the last one, and one a second between. */
export function progressOf(options: CommonOptions, steps: number): (event: Progress) => void {
  let last = -Infinity;
  return ({ step, loss, learningRate, ms, stopped }) => {
    const now = performance.now(), isEnd = step + 1 === steps || stopped;
    if (now - last < 1000 && !isEnd) return;
    last = now;
    const rate = learningRate.toPrecision(3);
    note(
      options,
      `step ${step + 1} of ${steps}: loss ${loss.toFixed(4)}, learning rate ${rate}, ${
        ms.toFixed(1)
      } ms`,
    );
  };
}
