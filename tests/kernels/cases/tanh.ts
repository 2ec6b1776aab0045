/** Cases of the hyperbolic tangent. @module */

import { tanhBackward, tanhForward } from "../../../kernels/mod.ts";
import { each, expError, gamma, tiny, u } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { normals, target } from "./values.ts";

const sizes = [1, 3, 15, 16, 17, 33, 64, 1000, 9001];

/**
 * With e = e^-2|x|, d tanh / de = 2 / (1 + e)²; the difference, the sum and the quotient (WGSL: 2.5 units)
 * are of numbers up to 2.
 */
function valueError(x: number): number {
  const e = Math.exp(-2 * Math.abs(x));
  return 2 * e * expError(2 * x) / (1 + e) ** 2 + gamma(8) * Math.abs(Math.tanh(x));
}

const forwardCase = (size: number): KernelCase => ({
  name: `${size}`,
  kernel: tanhForward,
  buffers: { x: normals(1, size, 3), y: size },
  scalars: { size },
  bound: ({ x }) => ({ y: each(size, (i) => valueError(x[i]) + tiny) }),
});

function backwardCase(size: number, accumulate: number): KernelCase {
  return {
    name: `${size}, accumulate ${accumulate}`,
    kernel: tanhBackward,
    buffers: {
      y: normals(2, size, 3).map(Math.tanh),
      dy: normals(3, size),
      dx: target(4, size, accumulate),
    },
    scalars: { size, accumulate },
    bound: ({ dy, dx }, after) => ({
      dx: each(size, (i) =>
        gamma(3) * Math.abs(dy[i]) + u * Math.abs(after.dx[i]) +
        (accumulate && u * Math.abs(dx[i])) + tiny),
    }),
  };
}

/** All of them. */
export const tanhCases: readonly KernelCase[] = [
  ...sizes.map(forwardCase),
  ...sizes.flatMap((size) => [backwardCase(size, 0), backwardCase(size, 1)]),
];
