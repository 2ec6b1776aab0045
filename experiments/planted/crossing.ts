/** Where two curves cross. @module */

/** The distance of two curves at a place. */
export interface Gap {
  /** Place, rising from one to the next. */
  readonly x: number;
  /** The first curve less the second. */
  readonly gap: number;
}

/** The first place where the gap changes its sign, by a straight line between two; `undefined` for none. */
export function crossing(gaps: readonly Gap[]): number | undefined {
  for (let i = 1; i < gaps.length; i++) {
    const [a, b] = [gaps[i - 1], gaps[i]];
    if (a.gap === 0) return a.x;
    if (a.gap * b.gap < 0) return a.x + (b.x - a.x) * a.gap / (a.gap - b.gap);
  }
  return gaps.at(-1)?.gap === 0 ? gaps.at(-1)!.x : undefined;
}
