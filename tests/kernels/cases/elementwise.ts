/** Cases of the kernels that work element by element. @module */

import {
  addKernel,
  copyColumns,
  dropoutKernel,
  dropoutThreshold,
  fill,
  scaleAdd,
} from "../../../kernels/mod.ts";
import { each, gamma, u } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { normals, target } from "./values.ts";

const sizes = [1, 3, 4, 15, 16, 17, 33, 64, 255, 1000, 40_001];

const addCases = sizes.map((size): KernelCase => ({
  name: `${size}`,
  kernel: addKernel,
  buffers: { a: normals(1, size), b: normals(2, size), out: size },
  scalars: { size },
  bound: (_, { out }) => ({ out: each(size, (i) => u * Math.abs(out[i])) }),
}));

const fillCases = sizes.map((size): KernelCase => ({
  name: `${size}`,
  kernel: fill,
  buffers: { y: size },
  scalars: { size, value: -1.25 },
  bound: () => ({}),
}));

/** One of `scale_add`. */
export function scaleAddCase(
  size: number,
  accumulate: number,
  offset: number,
  yOffset = offset * 2,
): KernelCase {
  const alpha = Math.fround(-0.7);
  return {
    name: `${size}, accumulate ${accumulate}, offsets ${offset} and ${yOffset}`,
    kernel: scaleAdd,
    buffers: {
      x: normals(3, size + offset + 3),
      y: target(4, size + yOffset + 5, accumulate),
    },
    scalars: { size, xOffset: offset, yOffset, alpha, accumulate },
    // Two roundings at most: the product and the sum. Elements beside the range keep their bits.
    bound: ({ x, y }) => ({
      y: each(y.length, (at) => {
        const i = at - yOffset;
        if (i < 0 || i >= size) return 0;
        return gamma(2) * ((accumulate && Math.abs(y[at])) + Math.abs(alpha * x[offset + i]));
      }),
    }),
  };
}

/** One of `copy_columns`, between matrices of other rows that have columns before and after. */
export function copyColumnsCase(rows: number, width: number, accumulate: number): KernelCase {
  const xStride = width + 3, yStride = 2 * width + 1, xOffset = 2, yOffset = width + 4;
  return {
    name: `${rows} x ${width}, accumulate ${accumulate}`,
    kernel: copyColumns,
    buffers: {
      x: normals(7, xOffset + rows * xStride),
      y: target(8, yOffset + rows * yStride, accumulate),
    },
    scalars: { rows, width, xOffset, xStride, yOffset, yStride, accumulate },
    // A copy is exact and a sum rounds once; elements beside the columns keep their bits.
    bound: (_, { y }) => ({ y: each(y.length, (at) => accumulate && u * Math.abs(y[at])) }),
  };
}

/** One of dropout. */
export function dropoutCase(
  size: number,
  rate: number,
  accumulate: number,
  seed: number,
): KernelCase {
  const keepScale = Math.fround(1 / (1 - rate));
  return {
    name: `${size}, rate ${rate}, accumulate ${accumulate}`,
    kernel: dropoutKernel,
    buffers: { x: normals(5, size), y: target(6, size, accumulate) },
    scalars: { size, seed, threshold: dropoutThreshold(rate), keepScale, accumulate },
    // The mask is exact: a wrong bit errs by a whole value.
    bound: ({ x, y }) => ({
      y: each(
        size,
        (i) => gamma(2) * ((accumulate && Math.abs(y[i])) + Math.abs(keepScale * x[i])),
      ),
    }),
  };
}

/** All of them. */
export const elementwiseCases: readonly KernelCase[] = [
  ...addCases,
  ...fillCases,
  ...sizes.flatMap((size) =>
    [0, 1].flatMap((accumulate) => [
      scaleAddCase(size, accumulate, 0),
      scaleAddCase(size, accumulate, 5),
      copyColumnsCase(size % 37 + 1, Math.ceil(size / 37), accumulate),
      dropoutCase(size, 0.3, accumulate, 0x9e3779b9 + size),
    ])
  ),
  // Vectors of four of y: one more than the elements would fill, at the same places in x.
  scaleAddCase(1022, 1, 3, 3),
  dropoutCase(100, 0, 0, 1),
  dropoutCase(9000, 0.999, 1, 0xffffffff),
];
