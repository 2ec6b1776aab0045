/** Cases of the norms of rows and of scaled columns. @module */

import { dotColumns, rowNorms, scaleColumns, scaleRows } from "../../../kernels/mod.ts";
import { each, gamma, u } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, normals, target } from "./values.ts";

/** Positive, away from zero except for the first, which is zero. */
const divisors = (width: number): Float32Array =>
  normals(4, width).map((value, j) => j === 0 && width > 1 ? 0 : 0.5 + Math.abs(value));

/** All terms are positive, and the root halves the sum's relative error and adds up to 3 ulp. */
function normsCase(rows: number, width: number): KernelCase {
  return {
    name: `${rows} x ${width}`,
    kernel: rowNorms,
    buffers: { x: normals(1, rows * width), y: rows },
    scalars: { rows, width },
    bound: (_, { y }) => ({ y: each(rows, (i) => (gamma(width + 1) / 2 + 6 * u) * y[i]) }),
  };
}

/** One of the scaled columns, or rows: WebGPU divides to 2.5 ulp; a product and a sum follow. */
function scaleCase(
  kernel: typeof scaleColumns,
  rows: number,
  width: number,
  accumulate: number,
): KernelCase {
  const isRows = kernel === scaleRows, count = isRows ? rows : width;
  return {
    name: `${rows} x ${width}, accumulate ${accumulate}`,
    kernel,
    buffers: {
      x: normals(2, rows * width),
      factors: normals(3, count),
      divisors: divisors(count),
      y: target(5, rows * width, accumulate),
    },
    scalars: { rows, width, accumulate },
    bound: ({ x, factors, divisors, y }) => ({
      y: each(rows * width, (at) => {
        const of = isRows ? Math.floor(at / width) : at % width;
        const quotient = divisors[of] === 0 ? 0 : factors[of] / divisors[of];
        return gamma(8) * ((accumulate && Math.abs(y[at])) + Math.abs(x[at] * quotient));
      }),
    }),
  };
}

function dotCase(rows: number, width: number, accumulate: number): KernelCase {
  return {
    name: `${rows} x ${width}, accumulate ${accumulate}`,
    kernel: dotColumns,
    buffers: {
      a: normals(6, rows * width),
      b: normals(7, rows * width),
      divisors: divisors(width),
      y: target(8, width, accumulate),
    },
    scalars: { rows, width, accumulate },
    bound: ({ a, b, divisors, y }) => ({
      y: each(width, (j) => {
        let sum = 0;
        for (let at = j; at < rows * width; at += width) sum += Math.abs(a[at] * b[at]);
        const quotient = divisors[j] === 0 ? 0 : sum / divisors[j];
        return gamma(rows + 8) * ((accumulate && Math.abs(y[j])) + quotient);
      }),
    }),
  };
}

/** All of them. */
export const columnScalingCases: readonly KernelCase[] = awkward.flatMap((width) => [
  normsCase(1, width),
  normsCase(33, width),
  ...[scaleColumns, scaleRows].flatMap((kernel) => [
    scaleCase(kernel, 1, width, 0),
    scaleCase(kernel, 33, width, 0),
    scaleCase(kernel, 33, width, 1),
  ]),
  dotCase(1, width, 0),
  dotCase(33, width, 0),
  dotCase(500, width, 1),
]);
