/** What repeated measurements come to, and numbers in sentences. @module */

/** The sum of the values over their number. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The middle value; the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Width of the middle half of the values. */
export function middleHalf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b), quarter = Math.floor(sorted.length / 4);
  return sorted[sorted.length - 1 - quarter] - sorted[quarter];
}

/** Largest minus smallest; 0 for one value. */
export function range(values: readonly number[]): number {
  return Math.max(...values) - Math.min(...values);
}

/** Digits in groups of three: `12,288`. */
export function grouped(value: number): string {
  return value.toLocaleString("en-US");
}
