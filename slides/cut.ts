/** The cut of 45 minutes: its slides, and the minute at which each is shown. @module */

/** A row of the plan: minutes, and the first and the last of its slides. */
export type Row = readonly [from: number, to: number, first: number, last: number];

/** The plan, as in the instructor notes; slides are counted from 1. */
export const plan: readonly Row[] = [
  [0, 4, 1, 4],
  [4, 10, 5, 9],
  [10, 22, 11, 18],
  [22, 26, 19, 20],
  [26, 34, 21, 25],
  [34, 36, 29, 29],
  [36, 41, 30, 33],
  [41, 45, 35, 36],
];

/** The minute of a slide in the cut, or `undefined` if it is left out: its row's minutes are shared evenly. */
export function minuteInCut(slide: number): number | undefined {
  const row = plan.find(([, , first, last]) => first <= slide && slide <= last);
  if (row === undefined) return undefined;
  const [from, to, first, last] = row;
  return Math.floor(from + (to - from) * (slide - first) / (last - first + 1));
}
