/** Training progress on standard error. @module */

import type { CompileReport } from "../device/mod.ts";
import type { StepEvent } from "../train/mod.ts";
import { type CommonOptions, note } from "./common.ts";

/** A listener that reports the first step, the last one, and one per second in between. */
export function progressOf(options: CommonOptions, steps: number): (event: StepEvent) => void {
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

/** A listener that reports compilation once a second; one that takes less says nothing. */
export function compilationOf(options: CommonOptions): CompileReport {
  let last = performance.now();
  return (done, total) => {
    const now = performance.now();
    if (now - last < 1000) return;
    last = now;
    note(options, `compiled ${done} of ${total} kernels`);
  };
}
