/** What repeated measurements come to. @module */

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
