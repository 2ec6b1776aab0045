/** Cases of the rectifier. @module */

import { reluBackward, reluForward } from "../../../kernels/mod.ts";
import { each, tiny, u } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { normals, target } from "./values.ts";

const sizes = [1, 3, 15, 16, 17, 33, 64, 1000, 9001];

/** A value is passed or not: nothing is rounded. */
const forwardCase = (size: number): KernelCase => ({
  name: `${size}`,
  kernel: reluForward,
  buffers: { x: normals(1, size), y: size },
  scalars: { size },
  bound: () => ({ y: each(size, () => tiny) }),
});

function backwardCase(size: number, accumulate: number): KernelCase {
  return {
    name: `${size}, accumulate ${accumulate}`,
    kernel: reluBackward,
    buffers: {
      y: normals(2, size).map((value) => Math.max(0, value)),
      dy: normals(3, size),
      dx: target(4, size, accumulate),
    },
    scalars: { size, accumulate },
    bound: (_, after) => ({
      dx: each(size, (i) => (accumulate && u * Math.abs(after.dx[i])) + tiny),
    }),
  };
}

/** All of them. */
export const reluCases: readonly KernelCase[] = [
  ...sizes.map(forwardCase),
  ...sizes.flatMap((size) => [backwardCase(size, 0), backwardCase(size, 1)]),
];
