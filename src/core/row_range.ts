/** Ranges of a matrix's rows. @module */

/** A contiguous range of rows, such as one projection's rows in the weight of a fused layer. */
export interface RowRange {
  /** First row. */
  readonly start: number;
  /** Number of rows. */
  readonly count: number;
}

/** The rows one by one. */
export function indicesOf({ start, count }: RowRange): number[] {
  return Array.from({ length: count }, (_, i) => start + i);
}

/** The rows of a site: one range, or several in the order of the site's own rows. */
export type SiteRows = RowRange | readonly RowRange[];

/** How many rows a site has. */
export function countRows(rows: SiteRows): number {
  return [rows].flat().reduce((sum, { count }: RowRange) => sum + count, 0);
}

/** Cuts the first `count` rows into ranges of at most `most`. */
export function cutRange(count: number, most: number): RowRange[] {
  return Array.from({ length: Math.ceil(count / most) }, (_, i) => {
    return { start: i * most, count: Math.min(most, count - i * most) };
  });
}
