/** Cases of the reductions. @module */

import { rootSum, squaresChunk, sum, sumColumns, sumSquares } from "../../../kernels/mod.ts";
import { each, gamma, sumAbs, u } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, normals, target } from "./values.ts";

const sizes = [1, 3, 15, 16, 17, 33, 64, 1000, 4096, 4097, 30_001];

/** γ(size) Σ|x| holds for any order of the sum. */
const sumCases = sizes.map((size): KernelCase => ({
  name: `${size}`,
  kernel: sum,
  buffers: { x: normals(1, size), y: 1 },
  scalars: { size },
  bound: ({ x }) => ({ y: [gamma(size) * sumAbs(x, 0, size)] }),
}));

/** All terms are positive, and the root halves the sum's relative error and adds up to 3 ulp. */
const rootCases = sizes.map((size): KernelCase => ({
  name: `${size}`,
  kernel: rootSum,
  buffers: { x: normals(2, size).map((x) => x * x), y: 1 },
  scalars: { size },
  bound: (_, { y }) => ({ y: [(gamma(size) / 2 + 6 * u) * y[0]] }),
}));

/** One of the sums of squares. */
export function squaresCase(size: number, partialOffset: number): KernelCase {
  const chunks = Math.ceil(size / squaresChunk);
  return {
    name: `${size} at ${partialOffset}`,
    kernel: sumSquares,
    buffers: { x: normals(3, size), partials: partialOffset + chunks + 2 },
    scalars: { size, partialOffset },
    bound: (_, { partials }) => ({
      partials: each(partials.length, (at) => {
        const chunk = at - partialOffset;
        if (chunk < 0 || chunk >= chunks) return 0;
        return gamma(Math.min(size, squaresChunk) + 1) * partials[at];
      }),
    }),
  };
}

/** One of the sums over rows. */
export function columnsCase(rows: number, width: number, accumulate: number): KernelCase {
  return {
    name: `${rows} x ${width}, accumulate ${accumulate}`,
    kernel: sumColumns,
    buffers: { x: normals(4, rows * width), y: target(5, width, accumulate) },
    scalars: { rows, width, accumulate },
    bound: ({ x, y }) => ({
      y: each(width, (j) => {
        let sum = accumulate ? Math.abs(y[j]) : 0;
        for (let row = 0; row < rows; row++) sum += Math.abs(x[row * width + j]);
        return gamma(rows) * sum;
      }),
    }),
  };
}

/** All of them. */
export const reduceCases: readonly KernelCase[] = [
  ...sumCases,
  ...rootCases,
  ...sizes.flatMap((size) => [squaresCase(size, 0), squaresCase(size, 3)]),
  ...awkward.flatMap((width) => [
    columnsCase(1, width, 0),
    columnsCase(33, width, 0),
    columnsCase(500, width, 0),
    columnsCase(500, width, 1),
  ]),
];
