/** Cases of SiLU. @module */

import { siluBackward, siluForward } from "../../../kernels/mod.ts";
import { each, gamma, tiny, u } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { sigmoidError, slopeError } from "./swiglu.ts";
import { normals, target } from "./values.ts";

const sizes = [1, 3, 15, 16, 17, 33, 64, 1000, 9001];

const forwardCase = (size: number): KernelCase => ({
  name: `${size}`,
  kernel: siluForward,
  buffers: { x: normals(1, size, 3), y: size },
  scalars: { size },
  bound: ({ x }, { y }) => ({
    y: each(size, (i) => (sigmoidError(x[i]) + gamma(2)) * Math.abs(y[i]) + tiny),
  }),
});

function backwardCase(size: number, accumulate: number): KernelCase {
  return {
    name: `${size}, accumulate ${accumulate}`,
    kernel: siluBackward,
    buffers: { x: normals(2, size, 3), dy: normals(3, size), dx: target(4, size, accumulate) },
    scalars: { size, accumulate },
    bound: ({ x, dy, dx }, after) => ({
      dx: each(
        size,
        (i) =>
          Math.abs(dy[i]) * slopeError(x[i]) + gamma(2) * Math.abs(after.dx[i]) +
          (accumulate && u * Math.abs(dx[i])) + tiny,
      ),
    }),
  };
}

/** All of them. */
export const siluCases: readonly KernelCase[] = sizes.flatMap((size) => [
  forwardCase(size),
  backwardCase(size, 0),
  backwardCase(size, 1),
]);
