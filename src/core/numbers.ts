/**
 * Statistics and sums of lists of numbers, numbers with their nouns for messages, and values that
 * are made when they are first needed.
 *
 * @module
 */

/** The sum of the values over their number. */
export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The standard deviation of a sample, which has at least two values. */
export function standardDeviation(values: readonly number[]): number {
  const middle = mean(values), squares = values.map((value) => (value - middle) ** 2);
  return Math.sqrt(squares.reduce((sum, square) => sum + square, 0) / (values.length - 1));
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

/** The smallest and the largest value, unlike `Math.max(...values)`, which overflows the stack. */
export function boundsOf(values: Iterable<number>): [least: number, most: number] {
  let least = Infinity, most = -Infinity;
  for (const value of values) {
    least = Math.min(least, value);
    most = Math.max(most, value);
  }
  return [least, most];
}

/** Largest minus smallest; 0 for one value. */
export function range(values: readonly number[]): number {
  const [least, most] = boundsOf(values);
  return most - least;
}

/** The smallest and the largest value with some decimals: `0.13 to 0.54`; once where they are alike. */
export function fromTo(values: Iterable<number>, decimals: number): string {
  return [...new Set(boundsOf(values).map((bound) => bound.toFixed(decimals)))].join(" to ");
}

let groups: Intl.NumberFormat | undefined;

/** Digits in groups of three: `12,288`. */
export function grouped(value: number): string {
  // Made once: `toLocaleString` makes one for every value, in 30 µs.
  groups ??= new Intl.NumberFormat("en-US");
  return groups.format(value);
}

/** A number to that many significant digits, without an exponent where one can do without: `0.441`. */
export function digits(value: number, most: number): string {
  const text = value.toPrecision(most);
  return text.includes("e") ? String(Number(text)) : text;
}

/** log Σ exp xᵢ over `count` values from `start`, without overflow. */
export function logSumExpOf(
  x: ArrayLike<number>,
  start = 0,
  count: number = x.length - start,
): number {
  let largest = -Infinity, sum = 0;
  for (let i = start; i < start + count; i++) largest = Math.max(largest, x[i]);
  for (let i = start; i < start + count; i++) sum += Math.exp(x[i] - largest);
  return largest + Math.log(sum);
}

/** The largest |a - b| of two lists of one length. */
export function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i] - b[i]));
  return largest;
}

/** The largest magnitude. */
export function largestOf(values: ArrayLike<number>): number {
  return largestDifference(values, new Float32Array(values.length));
}

/** The number of values in two F32 lists of equal length that differ in their bits. */
export function countChangedBits(a: Float32Array, b: Float32Array): number {
  const [before, after] = [a, b].map((values) =>
    new Uint32Array(values.buffer, values.byteOffset, values.length)
  );
  let changed = 0;
  for (let i = 0; i < before.length; i++) if (before[i] !== after[i]) changed++;
  return changed;
}

/** A number and its noun: `1 step`, `2 steps`. */
export function howMany(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}

/** Makes a value at the first call, and returns it at every call. */
export const lazily = <T>(make: () => T): () => T => {
  let made: T | undefined;
  return () => made ??= make();
};
