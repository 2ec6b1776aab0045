/** d90: the dimension at which accuracies reach a mark, with its interval over seeds. @module */

import { grouped, mean, standardDeviation } from "../../src/core/numbers.ts";
import { studentsT } from "../../src/paper/margin.ts";

/** The share of the baseline's accuracy that a solution has. */
export const share = 0.9;

/** The accuracy of a subspace. */
export interface Point {
  /** d. */
  readonly size: number;
  /** In percent. */
  readonly accuracy: number;
}

/**
 * The dimension where accuracies first reach a mark, in a straight line of ln d between dimensions: the first one where
 * that is above the mark, and infinite where none is.
 */
export function reachedAt(points: readonly Point[], mark: number): number {
  const curve = points.toSorted((a, b) => a.size - b.size);
  const at = curve.findIndex(({ accuracy }) => accuracy >= mark);
  if (at < 0) return Infinity;
  const reached = curve[at], before = curve[at - 1];
  if (!before) return reached.size;
  const part = (mark - before.accuracy) / (reached.accuracy - before.accuracy);
  return before.size * (reached.size / before.size) ** part;
}

/** d90 with its interval. */
export interface Estimate {
  /** Geometric mean of the seeds. */
  readonly d90: number;
  /** Ends of its 95% interval over seeds, by Student's t. */
  readonly interval: readonly [from: number, to: number];
}

/** The mean and the interval of what each seed needs. */
export function estimateOf(needs: readonly number[]): Estimate {
  const logs = needs.map(Math.log), middle = mean(logs);
  const half = needs.length > 1 && Number.isFinite(middle)
    ? studentsT(needs.length - 1) * standardDeviation(logs) / Math.sqrt(needs.length)
    : Infinity;
  return { d90: Math.exp(middle), interval: [Math.exp(middle - half), Math.exp(middle + half)] };
}

/** `647`, or `> 1,024` where not every seed reaches the mark. */
export const needText = ({ d90 }: Estimate, largest: number): string =>
  d90 === Infinity ? `> ${grouped(largest)}` : d90.toFixed(0);

/** `627 to 667`. */
export const intervalText = ({ interval }: Estimate): string =>
  Number.isFinite(interval[1]) ? interval.map((end) => end.toFixed(0)).join(" to ") : "unknown";
