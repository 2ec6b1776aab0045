/** Ranges of a matrix's rows. @module */

/** A contiguous range of rows, such as one projection's rows in the weight of a fused layer. */
export interface RowRange {
  /** First row. */
  readonly start: number;
  /** Number of rows. */
  readonly count: number;
}

/** The rows of a site: one range, or several in the order of the site's own rows. */
export type SiteRows = RowRange | readonly RowRange[];

/** One range of a site's rows. */
export interface SiteRange extends RowRange {
  /** How many of the site's rows come before it. */
  readonly before: number;
}

/** The ranges of a site's rows, in order. */
export function rangesOf(rows: SiteRows): readonly SiteRange[] {
  let next = 0;
  return ("count" in rows ? [rows] : rows).map((range) => {
    const before = next;
    next += range.count;
    return { ...range, before };
  });
}

/** The rows one by one. */
export function indicesOf(rows: SiteRows): number[] {
  return rangesOf(rows).flatMap(({ start, count }) =>
    Array.from({ length: count }, (_, i) => start + i)
  );
}

/** How many rows a site has. */
export function countRows(rows: SiteRows): number {
  return rangesOf(rows).reduce((sum, { count }) => sum + count, 0);
}

/** True for the same rows of one weight, in the same order. */
export function sameRows(a: SiteRows, b: SiteRows): boolean {
  const [one, other] = [a, b].map(rangesOf);
  return one.length === other.length &&
    one.every(({ start, count }, i) => start === other[i].start && count === other[i].count);
}

/** Rows as text: `0:256`, the end not included, or several such ranges. */
export function formatRows(rows: SiteRows): string {
  return rangesOf(rows).map(({ start, count }) => `${start}:${start + count}`).join(",");
}

/** Cuts the first `count` rows into ranges of at most `most`. */
export function cutRange(count: number, most: number): RowRange[] {
  return Array.from({ length: Math.ceil(count / most) }, (_, i) => {
    return { start: i * most, count: Math.min(most, count - i * most) };
  });
}
