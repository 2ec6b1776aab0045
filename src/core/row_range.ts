/** Some of a matrix's rows. @module */

/** Neighbouring rows, such as those of a weight that make one projection of a fused layer. */
export interface RowRange {
  /** First row. */
  readonly start: number;
  /** Number of rows. */
  readonly count: number;
}

/** The first `count` rows in ranges of at most `most`. */
export function cutRange(count: number, most: number): RowRange[] {
  return Array.from({ length: Math.ceil(count / most) }, (_, i) => {
    return { start: i * most, count: Math.min(most, count - i * most) };
  });
}
