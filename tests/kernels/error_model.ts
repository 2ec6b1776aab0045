/**
 * The rounding-error model behind the tolerances of the kernel tests (Higham, Accuracy and Stability of
 * Numerical Algorithms, chapters 2 to 4). Nothing here was tuned to what a kernel gives.
 *
 * @module
 */

import type { Numbers } from "../../kernels/kernel.ts";

/** Unit roundoff of F32: one rounded operation errs by at most this share of its result. */
export const u = 2 ** -24;

/** Smallest normal F32: below it results may be flushed to zero. */
export const tiny = 2 ** -126;

/** γ(n) = n u / (1 - n u), the relative error of n rounded operations in a row. */
export const gamma = (n: number): number => n * u / (1 - n * u);

/**
 * Relative error of exp(x) in F32, where x itself is off by `error`. WGSL grants 3 + 2|x| units in the
 * last place (2 u each); the CPU's is better but is held to the same model.
 */
export const expError = (x: number, error = 0): number => 2 * u * (3 + 2 * Math.abs(x)) + error;

/** Absolute error of log(x) in F32: WGSL grants 2^-21 near 1 and 3 units in the last place elsewhere. */
export const logError = (log: number): number => 2 ** -21 + 6 * u * Math.abs(log);

/** A bound for every element by its index. */
export function each(length: number, bound: (index: number) => number): Float64Array {
  return Float64Array.from({ length }, (_, index) => bound(index));
}

/** Σ |x[at + i]| over i < count. */
export function sumAbs(x: Numbers, at: number, count: number): number {
  let sum = 0;
  for (let i = 0; i < count; i++) sum += Math.abs(x[at + i]);
  return sum;
}

/** The arrays with every element replaced by its magnitude. */
export function magnitudes(values: Numbers): Float64Array {
  return each(values.length, (i) => Math.abs(values[i]));
}
