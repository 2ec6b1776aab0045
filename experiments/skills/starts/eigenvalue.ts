/** The largest eigenvalue of a Hessian, from gradients alone. @module */

import { Random } from "../../../src/core/random.ts";

/** The gradient of a loss where its values are moved by a step. */
export type GradientAt = (step: Float64Array) => Promise<Float64Array>;

/** Settings of the search. */
export interface LanczosOptions {
  /** Number of values. */
  readonly size: number;
  /** Length of a step. */
  readonly epsilon: number;
  /** Most products with the Hessian. */
  readonly products: number;
  /** Seed of the first direction. */
  readonly seed: number;
}

/** An eigenvalue. */
export interface Eigenvalue {
  /** The largest Ritz value, which is at most the eigenvalue. */
  readonly value: number;
  /** Its relative change by the last product. */
  readonly change: number;
}

/** A change at which no further product is worth its time. */
const enough = 1e-3;

/**
 * The largest eigenvalue of H, not that of the largest size, by products H v ≈ (g(ε v) − g(−ε v)) / 2ε with |v| = 1.
 * Power iteration finds the latter, and B = 0 gives H eigenvalues in pairs of both signs; Lanczos' method keeps the
 * directions of that iteration, at right angles to each other, and takes the best in their span.
 */
export async function largestEigenvalue(
  gradientAt: GradientAt,
  { size, epsilon, products, seed }: LanczosOptions,
): Promise<Eigenvalue> {
  const random = new Random(seed), basis: Float64Array[] = [];
  const diagonal: number[] = [], beside: number[] = [];
  let next = Float64Array.from({ length: size }, () => random.normal());
  let value = -Infinity, change = Infinity;
  for (let done = 0; done < Math.min(products, size) && change > enough; done++) {
    const norm = Math.sqrt(dot(next, next)), v = next.map((x) => x / norm);
    if (done > 0) beside.push(norm);
    basis.push(v);
    const up = await gradientAt(v.map((x) => epsilon * x));
    const down = await gradientAt(v.map((x) => -epsilon * x));
    next = up.map((x, i) => (x - down[i]) / (2 * epsilon));
    diagonal.push(dot(next, v));
    // Twice, as rounding leaves a part of what is taken out of a nearly parallel vector.
    for (const one of [...basis, ...basis]) subtract(next, dot(next, one), one);
    const found = largestOfTridiagonal(diagonal, beside);
    change = Math.abs(found - value) / Math.abs(found);
    value = found;
  }
  return { value, change };
}

/** The largest eigenvalue of a symmetric tridiagonal matrix, by bisection with Sturm's counts. */
export function largestOfTridiagonal(
  diagonal: readonly number[],
  beside: readonly number[],
): number {
  const radius = (i: number) => Math.abs(beside[i - 1] ?? 0) + Math.abs(beside[i] ?? 0);
  let low = Math.min(...diagonal.map((x, i) => x - radius(i)));
  let high = Math.max(...diagonal.map((x, i) => x + radius(i)));
  for (let halving = 0; halving < 100; halving++) {
    const middle = (low + high) / 2;
    if (isAboveAll(middle, diagonal, beside)) high = middle;
    else low = middle;
  }
  return high;
}

/** True if x − T has positive pivots only. */
function isAboveAll(x: number, diagonal: readonly number[], beside: readonly number[]): boolean {
  let pivot = 1;
  for (const [i, value] of diagonal.entries()) {
    pivot = x - value - (i > 0 ? beside[i - 1] ** 2 / pivot : 0);
    if (!(pivot > 0)) return false;
  }
  return true;
}

const dot = (a: Float64Array, b: Float64Array): number => {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
};

function subtract(from: Float64Array, factor: number, other: Float64Array): void {
  for (let i = 0; i < from.length; i++) from[i] -= factor * other[i];
}
