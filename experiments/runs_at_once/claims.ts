/** What is claimed of runs at once; decision 0039 has the rules and their reasons. @module */

import type { Claim } from "../frame/mod.ts";
import type { RunDifferences } from "./equality.ts";
import { type Load, ruled, type Variant } from "./variants.ts";

/** The times of a variant's trainings. */
export interface VariantTimes extends Variant {
  /** The least of the rounds, in ms. */
  readonly minimum: number;
  /** In ms. */
  readonly median: number;
  /** How many rounds there were. */
  readonly rounds: number;
}

/** What the experiment measures. */
export interface RunsAtOnce {
  /** The trainings that take turns. */
  readonly times: readonly VariantTimes[];
  /** On the job's device, then on `cpu` without BLAS. */
  readonly differences: readonly [own: RunDifferences, plain: RunDifferences];
}

/** How many times as fast 8 runs at once are. */
const leastSpeedup = 2;

/** How far the control may be off, and a first step from that of the run alone. */
const controlShare = 0.1, mostDifference = 1e-5;

/** The variant of a kind with this load. */
function minimumOf(
  { times }: RunsAtOnce,
  kind: Variant["kind"],
  { rows, tokens, all }: Load,
  runs: number = ruled.runs,
): number {
  return times.find((one) =>
    one.kind === kind && one.runs === runs && one.rows === rows && one.tokens === tokens &&
    one.all === all
  )!.minimum;
}

/** How much longer the same runs in a row take the second time, as a share. */
const controlOf = (found: RunsAtOnce): number =>
  minimumOf(found, "in a row again", ruled) / minimumOf(found, "in a row", ruled) - 1;

/** How many times as fast so many runs are at once. */
export const speedupOf = (
  found: RunsAtOnce,
  load: Load = ruled,
  runs: number = ruled.runs,
): number => minimumOf(found, "in a row", load, runs) / minimumOf(found, "at once", load, runs);

/** How many times as fast 8 runs could be, if all had one adapter, one loss and one optimizer. */
export const boundOf = (found: RunsAtOnce, load: Load = ruled): number =>
  minimumOf(found, "in a row", load) / minimumOf(found, "one run", load);

/** Whether runs at once seem faster than one run with the rows of all, which cannot be. */
const isBeyondBound = (found: RunsAtOnce): boolean => speedupOf(found) > boundOf(found);

const isControlOff = (found: RunsAtOnce): boolean => Math.abs(controlOf(found)) > controlShare;

/** Whether a run is too noisy to judge times. */
export const isNoise = (found: RunsAtOnce): boolean => isControlOff(found) || isBeyondBound(found);

/** The loads that were timed. */
export const loadsOf = ({ times }: RunsAtOnce): Load[] =>
  times.filter(({ kind }) => kind === "one run");

/** `1 x 16 tokens`. */
export const loadText = ({ rows, tokens, all }: Load): string =>
  `${rows} x ${tokens} tokens${all ? ", all linear layers" : ""}`;

const shown = (times: number): string => times.toFixed(2);

const controlText = (found: RunsAtOnce): string => `${(100 * controlOf(found)).toFixed(1)}%`;

const isFaster: Claim<RunsAtOnce> = {
  text:
    `${ruled.runs} runs at once are twice as fast as in a row, where a step has ${ruled.tokens} tokens`,
  rule:
    `when ${ruled.runs} runs of ${
      loadText(ruled)
    } a step take at least ${leastSpeedup} times as long in a row as at ` +
    "once, the least of trainings that take turns",
  scale: true,
  ours: (found) => `${shown(speedupOf(found))} times`,
  holds: (found) => speedupOf(found) >= leastSpeedup,
  found: (found) => {
    const loads = loadsOf(found).map((load) =>
      `${loadText(load)}: ${shown(speedupOf(found, load))} times as fast of ${
        shown(boundOf(found, load))
      } that one run with the rows of all would be`
    );
    return `${loads.join("; ")}. The control, in a row again, takes ${controlText(found)} more.`;
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

/** The two of decision 0039; times are not judged where noise shows in the control or the bound. */
export const runsAtOnceClaims = (found: RunsAtOnce): readonly Claim<RunsAtOnce>[] =>
  isNoise(found) ? [isSame] : [isFaster, isSame];

/** What a reader has to know of a run that is too noisy. */
export function noiseNote(found: RunsAtOnce): string {
  const reasons = [
    ...isControlOff(found) ? [`the control, in a row again, takes ${controlText(found)} more`] : [],
    ...isBeyondBound(found)
      ? [
        `runs at once are ${shown(speedupOf(found))} times as fast, beyond the bound of ${
          shown(boundOf(found))
        }`,
      ]
      : [],
  ];
  return reasons.length > 0 ? ` Times are not judged: ${reasons.join("; ")}.` : "";
}
