/** Timing pieces of work that take turns, and claims on such times. @module */

import { median } from "../../src/core/numbers.ts";
import type { Claim, Judgment } from "../../src/paper/claim.ts";
import { clockRule, controlText, onQuietMachine, type TimeRatio } from "./clock.ts";

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

/** Date of the rules that were rewritten so that a noisy clock decides nothing. */
export const clockMet = "2026-11-30, decision 0026";

/** A claim on ratios of times, which is judged where a control shows that the machine is quiet. */
export interface TimedClaim<Rows> extends Omit<Claim<Rows>, "holds"> {
  /** The rule, to which is added when it is not judged. */
  readonly rule: string;
  /** More of the rule, after that. */
  readonly more?: string;
  /** The control, the same work timed twice, in words. */
  readonly control: string;
  /** The share by which it may be off. */
  readonly share: number;
  /** Its ratios. */
  controls(rows: Rows): readonly TimeRatio[];
  /** The rule, on a quiet machine. */
  judge(rows: Rows): Judgment;
  /** Other numbers that the rule reads; the control follows them. */
  found(rows: Rows): string;
}

/** Makes the claim of it. */
export const timedClaim = <Rows>(
  { rule, more = "", control, share, controls, judge, found, ...claim }: TimedClaim<Rows>,
): Claim<Rows> => ({
  ...claim,
  rule: rule + clockRule(control, share) + more,
  holds: (rows) => onQuietMachine(controls(rows), share, () => judge(rows)),
  found: (rows) => `${found(rows)} ${controlText(controls(rows))}`,
});
