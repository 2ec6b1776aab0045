/** Cases of rotary position embedding. @module */

import { rotaryKernel } from "../../../kernels/mod.ts";
import { each, gamma } from "../error_model.ts";
import type { KernelCase } from "../kernel_case.ts";
import { awkward, integers, normals, target } from "./values.ts";

interface Extents {
  readonly rows: number;
  readonly heads: number;
  readonly half: number;
}

const positionCount = 11;

/** Cosines, then sines, of angles that fall with the index. */
function tableOf(half: number): Float32Array {
  return Float32Array.from({ length: positionCount * 2 * half }, (_, at) => {
    const column = at % (2 * half), i = column % half;
    const angle = (at - column) / (2 * half) * 10_000 ** (-i / half);
    return column < half ? Math.cos(angle) : Math.sin(angle);
  });
}

/** Two products and at most two sums of values that none of the operands' magnitudes exceed. */
function rotaryCase(
  { rows, heads, half }: Extents,
  direction: number,
  accumulate: number,
  padding: number,
): KernelCase {
  const width = 2 * heads * half, xStride = width + padding, yStride = width + 2 * padding;
  const xOffset = padding, yOffset = Math.ceil(padding / 2);
  return {
    name:
      `${rows} x ${heads} x ${half}, ${direction}, accumulate ${accumulate}, padding ${padding}`,
    kernel: rotaryKernel,
    buffers: {
      x: normals(1, (rows - 1) * xStride + xOffset + width),
      table: tableOf(half),
      positions: integers(2, rows, positionCount),
      y: target(3, (rows - 1) * yStride + yOffset + width, accumulate),
    },
    scalars: { rows, heads, half, xOffset, xStride, yOffset, yStride, direction, accumulate },
    bound: ({ x, y }) => ({
      y: each(y.length, (at) => {
        const column = (at - yOffset) % yStride, row = (at - yOffset - column) / yStride;
        if (column < 0 || column >= width || row < 0) return 0;
        const i = column % half, first = column - column % (2 * half) + i;
        const from = row * xStride + xOffset + first;
        const size = Math.abs(x[from]) + Math.abs(x[from + half]);
        return gamma(4) * (size + (accumulate && Math.abs(y[at])));
      }),
    }),
  };
}

/** All of them. */
export const rotaryCases: readonly KernelCase[] = [
  ...awkward.flatMap((half) => [
    rotaryCase({ rows: 1, heads: 1, half }, 1, 0, 0),
    rotaryCase({ rows: 17, heads: 3, half }, -1, 1, 3),
    rotaryCase({ rows: 33, heads: 2, half }, -1, 0, 5),
  ]),
  rotaryCase({ rows: 300, heads: 4, half: 32 }, 1, 0, 0),
];
