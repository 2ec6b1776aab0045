/** Claims of runs at once; decision 0039 has the rules and their reasons. @module */

import {
  type Claim,
  clockRule,
  controlText,
  isAtLeast,
  type Judgment,
  notQuiet,
  onQuietMachine,
  ratioOf,
  ratioText,
  type TimeRatio,
} from "../frame/mod.ts";
import type { TurnTimes } from "../quantized/speed/turns.ts";
import type { RunDifferences } from "./equality.ts";
import { type Load, ruled, type Variant } from "./variants.ts";

/** The times of a variant's trainings. */
export interface VariantTimes extends Variant, TurnTimes {}

/** Result of the experiment. */
export interface RunsAtOnce {
  /** The trainings that take turns. */
  readonly times: readonly VariantTimes[];
  /** Differences on the job's device, then on `cpu` without BLAS. */
  readonly differences: readonly [own: RunDifferences, plain: RunDifferences];
}

/** Least ratio of the speed of 8 runs at once to their speed in a row. */
const leastSpeedup = 2;

/**
 * Tolerances: the control's share, and the difference of a first step from that of the run alone.
 */
const controlShare = 0.1, mostDifference = 1e-5;

/** The times of the variant of a kind with this load. */
function timesOf(
  { times }: RunsAtOnce,
  kind: Variant["kind"],
  { rows, tokens, all }: Load,
  runs: number = ruled.runs,
): readonly number[] {
  return times.find((one) =>
    one.kind === kind && one.runs === runs && one.rows === rows && one.tokens === tokens &&
    one.all === all
  )!.each;
}

/** The time of the same runs in a row, timed again, by their first. */
const controlOf = (found: RunsAtOnce): TimeRatio =>
  ratioOf(timesOf(found, "in a row again", ruled), timesOf(found, "in a row", ruled));

/** Ratio of the speed of so many runs at once to their speed in a row. */
export const speedupOf = (
  found: RunsAtOnce,
  load: Load = ruled,
  runs: number = ruled.runs,
): TimeRatio =>
  ratioOf(timesOf(found, "in a row", load, runs), timesOf(found, "at once", load, runs));

/** Largest possible speedup of 8 runs, if all had one adapter, one loss and one optimizer. */
export const boundOf = (found: RunsAtOnce, load: Load = ruled): TimeRatio =>
  ratioOf(timesOf(found, "in a row", load), timesOf(found, "one run", load));

/** Runs at once that are faster than one run with the rows of all, which cannot be, are noise. */
function isTwiceAsFast(found: RunsAtOnce): Judgment {
  const byBound = ratioOf(timesOf(found, "at once", ruled), timesOf(found, "one run", ruled));
  const { high = Infinity } = byBound;
  return high < 1 ? notQuiet : isAtLeast(speedupOf(found), leastSpeedup, controlShare);
}

/** The loads that were timed. */
export const loadsOf = ({ times }: RunsAtOnce): Load[] =>
  times.filter(({ kind }) => kind === "one run");

/** `1 x 16 tokens`. */
export const loadText = ({ rows, tokens, all }: Load): string =>
  `${rows} x ${tokens} tokens${all ? ", all linear layers" : ""}`;

const isFaster: Claim<RunsAtOnce> = {
  text:
    `${ruled.runs} runs at once are twice as fast as in a row, where a step has ${ruled.tokens} tokens`,
  rule:
    `when ${ruled.runs} runs of ${
      loadText(ruled)
    } a step take at least ${leastSpeedup} times as long in a row as at ` +
    `once${clockRule("in a row again", controlShare)}, or 8 at once take less than one run with ` +
    "the rows of all",
  scale: true,
  corrected: "2026-11-30, decision 0026",
  ours: (found) => `${speedupOf(found).ratio.toFixed(2)} times`,
  holds: (found) => onQuietMachine([controlOf(found)], controlShare, () => isTwiceAsFast(found)),
  found: (found) => {
    const loads = loadsOf(found).map((load) =>
      `${loadText(load)}: ${ratioText(speedupOf(found, load))} times as fast of ${
        boundOf(found, load).ratio.toFixed(2)
      } that one run with the rows of all would be`
    );
    return `${loads.join("; ")}. ${controlText([controlOf(found)])}`;
  },
};

const isSame: Claim<RunsAtOnce> = {
  text: "A run at once is the run alone",
  rule:
    "when on cpu without BLAS no bit of A, B or a loss of 8 different runs differs after 10 steps, and on the job's " +
    `device losses and gradient norms of the first step differ by at most ${mostDifference} of themselves`,
  ours: ({ differences: [own, plain] }) =>
    `${own.difference.toExponential(0)}; ${plain.changed} other bits`,
  holds: ({ differences: [own, plain] }) =>
    own.difference <= mostDifference && plain.changed === 0 && plain.compared > 0,
  found: ({ differences: [own, plain] }) =>
    `${own.device}: the first step differs by ${
      own.difference.toExponential(1)
    }. ${plain.device}: ${plain.changed} of ` +
    `${plain.compared} values and losses have other bits.`,
};

/** The two of decision 0039. */
export const runsAtOnceClaims: readonly Claim<RunsAtOnce>[] = [isFaster, isSame];
