/** Training progress on standard error. @module */

import { countTokens } from "../core/batch.ts";
import { durationText } from "../core/job_time.ts";
import { grouped } from "../core/numbers.ts";
import { terminalLine } from "../core/terminal_text.ts";
import type { CompileReport } from "../device/mod.ts";
import type { RunOptions } from "../runs/mod.ts";
import type { Batch, HeldOutLoss, StepEvent } from "../train/mod.ts";
import { type CommonOptions, note } from "./common.ts";
import { type Course, TimeLeft } from "./time_left.ts";

/** What a training's progress is measured by. */
interface WatchedCourse extends Course {
  /** Its batches, which are used in order and again from the first. */
  readonly batches: readonly Batch[];
}

/** Least time between two lines: in a terminal, where one replaces the other, and elsewhere. */
const terminalMs = 100, pipeMs = 5000;

/**
 * A listener that reports the first step, the last one, every held-out loss, and some steps in between: in
 * a terminal in one line, elsewhere in a line now and then.
 */
export function progressOf(
  options: CommonOptions,
  course: WatchedCourse,
): NonNullable<RunOptions["onProgress"]> {
  const isTerminal = Deno.stderr.isTerminal();
  let last = -Infinity, heldOut: HeldOutLoss | undefined;
  const pace = paceOf(course);
  return (event, _, { seconds }) => {
    const { step, early, stopped } = event, isEnd = step + 1 === course.steps || early || stopped;
    heldOut = event.heldOut ?? heldOut;
    const speed = pace(event), now = performance.now();
    const isDue = now - last >= (isTerminal ? terminalMs : pipeMs);
    if (options.quiet || !(isDue || isEnd || (event.heldOut && !isTerminal))) return;
    last = now;
    const line = lineOf(
      event,
      course,
      heldOut,
      isEnd ? `${durationText(1000 * seconds)} in all` : speed,
    );
    if (isTerminal) replaceLine(isEnd ? "" : terminalLine(line));
    if (!isTerminal || isEnd) note(options, line);
  };
}

function lineOf(
  { step, loss }: StepEvent,
  { steps }: Course,
  heldOut: HeldOutLoss | undefined,
  pace: string,
): string {
  const at = heldOut?.step === step + 1 ? "" : ` (step ${heldOut?.step})`;
  const measured = heldOut ? `, held out ${heldOut.loss.toFixed(4)}${at}` : "";
  return `step ${step + 1} of ${steps}: loss ${loss.toFixed(4)}${measured}, ${pace}`;
}

/** Counts tokens and time: `2,300 tokens/s, 40 s left`. */
function paceOf({ batches, ...course }: WatchedCourse): (event: StepEvent) => string {
  const left = new TimeLeft(course);
  let tokens = 0, ms = 0;
  return (event) => {
    tokens += countTokens(batches[event.step % batches.length]);
    ms += event.ms;
    left.add(event);
    const rest = left.ms === undefined ? "" : `, ${durationText(left.ms)} left`;
    return `${grouped(Math.round(1000 * tokens / ms))} tokens/s${rest}`;
  };
}

const replaceLine = (line: string): void =>
  void Deno.stderr.writeSync(new TextEncoder().encode(`\r\x1b[K${line}`));

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
