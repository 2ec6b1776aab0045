/** Cases of GELU. @module */

import { geluBackward, geluForward } from "../../../kernels/mod.ts";
import { each, expError, gamma, tiny, u } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { normals, target } from "./values.ts";

const sizes = [1, 3, 15, 16, 17, 33, 64, 1000, 9001];

/** Argument of the tanh. */
const argument = (x: number) => Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3);

/**
 * ½ (1 + tanh a) = 1 / (1 + e^-2a): with five roundings in a, the exponential's own error, the sum and
 * the quotient it errs by s (1 - s) of the exponential's relative error and a few u, absolutely, since tanh
 * may be taken as such and 1 + tanh cancels.
 */
function gateError(x: number): number {
  const a = argument(x), s = 1 / (1 + Math.exp(-2 * a));
  return s * (1 - s) * expError(2 * a, gamma(5) * Math.abs(2 * a)) + 6 * u;
}

/** One of the forward. */
export const geluCase = (size: number): KernelCase => ({
  name: `${size}`,
  kernel: geluForward,
  buffers: { x: normals(1, size, 3), y: size },
  scalars: { size },
  bound: ({ x }, { y }) => ({
    y: each(size, (i) => Math.abs(x[i]) * gateError(x[i]) + gamma(3) * Math.abs(y[i]) + tiny),
  }),
});

/** d = s + 2 x s (1 - s) a': the second term amplifies the gate's error by |2 x a'|, three products more. */
function slopeError(x: number): number {
  const a = argument(x), s = 1 / (1 + Math.exp(-2 * a));
  const slope = Math.abs(2 * x * Math.sqrt(2 / Math.PI) * (1 + 3 * 0.044715 * x * x));
  return gateError(x) * (1 + slope) + gamma(10) * (s + slope * s * (1 - s));
}

function backwardCase(size: number, accumulate: number): KernelCase {
  return {
    name: `${size}, accumulate ${accumulate}`,
    kernel: geluBackward,
    buffers: { x: normals(2, size, 3), dy: normals(3, size), dx: target(4, size, accumulate) },
    scalars: { size, accumulate },
    bound: ({ x, dy, dx }, after) => ({
      dx: each(size, (i) =>
        Math.abs(dy[i]) * slopeError(x[i]) + gamma(2) * Math.abs(after.dx[i]) +
        (accumulate && u * Math.abs(dx[i])) + tiny),
    }),
  };
}

/** All of them. */
export const geluCases: readonly KernelCase[] = [
  ...sizes.map(geluCase),
  ...sizes.flatMap((size) => [backwardCase(size, 0), backwardCase(size, 1)]),
];
