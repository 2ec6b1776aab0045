/** Judgments of claims by times of work that takes turns: decision 0026 has the rule. @module */

import { median } from "../../src/core/numbers.ts";
import { type Judgment, notQuiet, tooFew, tooNear } from "../../src/paper/claim.ts";

/** The time of one piece of work by that of another, both timed once in each round. */
export interface TimeRatio {
  /** The median of the rounds' ratios. */
  readonly ratio: number;
  /** The lower end of the interval that holds the true median 999 times in 1,000; absent where rounds are too few. */
  readonly low?: number;
  /** Its upper end. */
  readonly high?: number;
}

/** The chance that an interval misses the true median. */
const risk = 0.001;

/**
 * The ratio of two times of each round. Whatever their distribution, a ratio is as likely above its median as
 * below it, so that the k-th least and the k-th largest of n enclose it unless fewer than k of n fair coins agree.
 */
export function ratioOf(times: readonly number[], others: readonly number[]): TimeRatio {
  const ratios = times.map((time, round) => time / others[round]).sort((a, b) => a - b);
  const ratio = median(ratios), k = enclosingRank(ratios.length);
  return k === 0 ? { ratio } : { ratio, low: ratios[k - 1], high: ratios[ratios.length - k] };
}

/** The largest k for n rounds whose interval misses within the risk; 0 where there is none. */
function enclosingRank(n: number): number {
  let k = 0, chance = 2 ** -n;
  for (let missed = 2 * chance; missed <= risk && k < n / 2; missed += 2 * chance) {
    k++;
    chance *= (n - k + 1) / k;
  }
  return k;
}

/** The judgment of several conditions: one that fails decides, then one that cannot tell. */
export function allHold(judgments: readonly Judgment[]): Judgment {
  if (judgments.includes(false)) return false;
  return judgments.find((one) => one !== true) ?? true;
}

/**
 * Judges where every control, the same work timed twice, stays within a share of 1, interval and all; one
 * without an interval had too few rounds.
 */
export function onQuietMachine(
  controls: readonly TimeRatio[],
  share: number,
  judge: () => Judgment,
): Judgment {
  if (controls.some(({ low }) => low === undefined)) return tooFew;
  return controls.every((one) => isClear(one, share)) ? judge() : notQuiet;
}

const isClear = ({ low = 0, high = Infinity }: TimeRatio, share: number): boolean =>
  low >= 1 / (1 + share) && high <= 1 + share;

/** Judges that a ratio is at most the mark, by an interval clear of the mark by as much as a control may be off. */
export function isAtMost(
  { low = 0, high = Infinity }: TimeRatio,
  mark: number,
  share: number,
): Judgment {
  if (high * (1 + share) <= mark) return true;
  return low > mark * (1 + share) ? false : tooNear;
}

/** Judges that a ratio is at least the mark, by the same measure. */
export function isAtLeast(
  { low = 0, high = Infinity }: TimeRatio,
  mark: number,
  share: number,
): Judgment {
  if (low >= mark * (1 + share)) return true;
  return high * (1 + share) < mark ? false : tooNear;
}

/** `1.04 (1.02 to 1.06)`: the median and its interval. */
export function ratioText({ ratio, low, high }: TimeRatio): string {
  const interval = low === undefined ? "no interval" : `${shown(low)} to ${shown(high!)}`;
  return `${shown(ratio)} (${interval})`;
}

const shown = (ratio: number): string => ratio.toFixed(2);

/** The end of a rule on times: when it is not judged. */
export const clockRule = (control: string, share: number): string =>
  `: ratios of two times of the same round, whose median has a 99.9% interval that must be clear of the mark by ${
    100 * share
  }%; not judged where the interval of the control, ${control}, leaves ${100 * share}% of 1`;

/** The control that is furthest off, in a sentence. */
export function controlText(controls: readonly TimeRatio[]): string {
  const reach = ({ low = 0, high = Infinity }: TimeRatio) => Math.max(high, 1 / low);
  const worst = controls.reduce((one, other) => reach(other) > reach(one) ? other : one);
  return `The control took ${ratioText(worst)} times as long.`;
}
